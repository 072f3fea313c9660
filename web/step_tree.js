// @ts-check
/** A workout's table of steps as it is edited: repeats found, and nested. Pure. */

/** @typedef {import("./shapes.d.ts").WorkoutStep} WorkoutStep */
/** @typedef {{step: WorkoutStep}} Leaf */
/** @typedef {{times: number, nodes: Node[], key: object}} Loop `key` stays while it is changed and moved */
/** @typedef {Leaf | Loop} Node */

export const TIMES_MAX = 99;
export const STEPS_MAX = 1000; // as hub/core/workout.py has it

/** @param {Node} node @returns {node is Loop} */
export function isLoop(node) {
  return "nodes" in node;
}

/**
 * The same steps, shorter: from the left, at each place the repeat that saves most, nested; as
 * hub/formats/repeats.py does it for files.
 * @param {WorkoutStep[]} steps
 * @returns {Node[]}
 */
export function fold(steps) {
  const alike = steps.map((step) => JSON.stringify(step));
  return folded(steps, alike, 0, steps.length);
}

/** @param {Node[]} nodes @returns {WorkoutStep[]} */
export function unroll(nodes) {
  return nodes.flatMap((node) =>
    isLoop(node) ? Array.from({ length: node.times }, () => unroll(node.nodes)).flat() : [node.step],
  );
}

/** @param {number} times @param {Node[]} nodes @returns {Loop} */
export function loopOf(times, nodes) {
  return { times, nodes, key: {} };
}

/** How many steps there are in all. @param {Node[]} nodes @returns {number} */
export function count(nodes) {
  return nodes.reduce((sum, node) => sum + (isLoop(node) ? node.times * count(node.nodes) : 1), 0);
}

/** @param {WorkoutStep[]} steps @param {string[]} alike @param {number} at @param {number} end */
function folded(steps, alike, at, end) {
  /** @type {Node[]} */
  const nodes = [];
  while (at < end) {
    const [length, times] = bestRepeat(alike, at, end);
    if (times === 1) nodes.push({ step: structuredClone(steps[at]) });
    else nodes.push(loopOf(times, folded(steps, alike, at, at + length)));
    at += length * times;
  }
  return nodes;
}

/** Steps in one round, and rounds. @param {string[]} alike @param {number} at @param {number} end */
function bestRepeat(alike, at, end) {
  let best = [1, 1];
  let saved = 0;
  for (let length = 1; length <= (end - at) / 2; length += 1) {
    const times = Math.min(rounds(alike, at, end, length), TIMES_MAX);
    if ((times - 1) * length > saved) {
      best = [length, times];
      saved = (times - 1) * length;
    }
  }
  return best;
}

/** @param {string[]} alike @param {number} at @param {number} end @param {number} length */
function rounds(alike, at, end, length) {
  let same = 0;
  while (at + length + same < end && alike[at + same] === alike[at + length + same]) same += 1;
  return 1 + Math.floor(same / length);
}

// Changing it: each answers a new tree, with the nodes that stay as they are.

/** One place up or down: past a step, into a repeat, or out of one. @param {Node[]} nodes @param {Node} node @param {-1 | 1} by @returns {Node[]} */
export function moved(nodes, node, by) {
  const i = nodes.indexOf(node);
  if (i < 0) return deeper(nodes, (loop) => movedIn(loop, node, by));
  const beside = nodes[i + by];
  if (!beside) return nodes;
  const rest = nodes.filter((one) => one !== node);
  if (isLoop(beside)) {
    const inside = by > 0 ? [node, ...beside.nodes] : [...beside.nodes, node];
    return rest.map((one) => (one === beside ? { ...beside, nodes: inside } : one));
  }
  return rest.toSpliced(i + by, 0, node);
}

/** What stands for `loop` after the move; null: the node is not in it. @param {Loop} loop @param {Node} node @param {-1 | 1} by @returns {Node[] | null} */
function movedIn(loop, node, by) {
  if (!holds(loop, node)) return null;
  const i = loop.nodes.indexOf(node);
  if (i < 0 || loop.nodes[i + by]) return [{ ...loop, nodes: moved(loop.nodes, node, by) }];
  const rest = loop.nodes.filter((one) => one !== node);
  const stays = rest.length ? [{ ...loop, nodes: rest }] : [];
  return by > 0 ? [...stays, node] : [node, ...stays];
}

/** @param {Node[]} nodes @param {Node} node @param {-1 | 1} by */
export function canMove(nodes, node, by) {
  const i = nodes.indexOf(node);
  return i < 0 || !!nodes[i + by];
}

/** Others in the place of a node: none takes it away, and a repeat that is empty with it. @param {Node[]} nodes @param {Node} node @param {Node[]} others @returns {Node[]} */
export function replaced(nodes, node, others) {
  if (nodes.includes(node)) return nodes.flatMap((one) => (one === node ? others : [one]));
  return deeper(nodes, (loop) => {
    if (!holds(loop, node)) return null;
    const left = replaced(loop.nodes, node, others);
    return left.length ? [{ ...loop, nodes: left }] : [];
  });
}

/** With keys of its own. @param {Node} node @returns {Node} */
export function copied(node) {
  return structuredClone(node);
}

/** @param {Node[]} nodes @param {(loop: Loop) => Node[] | null} change */
function deeper(nodes, change) {
  return nodes.flatMap((one) => (isLoop(one) ? (change(one) ?? [one]) : [one]));
}

/** @param {Loop} loop @param {Node} node @returns {boolean} */
function holds(loop, node) {
  return loop.nodes.some((one) => one === node || (isLoop(one) && holds(one, node)));
}
