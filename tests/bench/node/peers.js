// `node peers.js ws|socket.io FRAME_BYTES`: one frame to every client for each `r` on stdin.

import { createServer } from "node:http";
import { Server as SocketIo } from "socket.io";
import { WebSocketServer } from "ws";

const [kind, bytes] = [process.argv[2], Number(process.argv[3])];
const HEAD_BYTES = 4; // of a websocket frame of 126 to 65535 bytes
const PING_MS = 600_000; // later than any run

function withWs(http) {
  const data = Buffer.alloc(bytes - HEAD_BYTES, "x");
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  return () => {
    for (const client of server.clients) client.send(data, { binary: false });
  };
}

function withSocketIo(http) {
  const text = "x".repeat(bytes - HEAD_BYTES - '42["state",""]'.length);
  const server = new SocketIo(http, { transports: ["websocket"], pingInterval: PING_MS });
  return () => server.emit("state", text);
}

const http = createServer();
const round = kind === "ws" ? withWs(http) : withSocketIo(http);
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(JSON.stringify({ port: http.address().port }));
});
process.stdin.on("data", (orders) => {
  for (const order of orders) if (order === "r".charCodeAt(0)) round();
});
process.stdin.on("end", () => process.exit());
