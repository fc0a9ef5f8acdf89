// A real `ceven serve` on free ports with a fresh SQLite file, and its command line.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { until } from "./report.mjs";

/** A port of the loopback that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A running server. */
export class Ceven {
  constructor(binary, folder, port, adminPort) {
    this.binary = binary;
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.scim = `${this.url}/api/v1/scim/v2`;
    this.environment = {
      PATH: process.env.PATH,
      CEVEN_SERVER__LISTEN: `127.0.0.1:${port}`,
      CEVEN_ADMIN__LISTEN: `127.0.0.1:${adminPort}`,
      CEVEN_DATABASE__URL: `sqlite://${join(folder, "ceven.db")}?mode=rwc`,
      CEVEN_SECURITY__OUTBOUND_ALLOW: "127.0.0.0/8",
    };
  }

  static async start(binary, folder) {
    const ceven = new Ceven(binary, folder, await freePort(), await freePort());
    const log = createWriteStream(join(folder, "server.log"));
    ceven.process = spawn(binary, ["serve"], { env: ceven.environment, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    ceven.process.stdout.pipe(log);
    ceven.process.stderr.pipe(log);
    ceven.ended = new Promise((resolve) => ceven.process.on("exit", resolve));
    await until("the server answers its health check", async () => (await ceven.run(["healthcheck"])).code === 0);
    return ceven;
  }

  async stop() {
    this.process.kill("SIGTERM");
    await this.ended;
  }

  /** Runs a verb to its end: its exit code and what it printed. */
  run(words, input = "") {
    return new Promise((resolve, reject) => {
      const child = spawn(this.binary, words, { env: this.environment, cwd: this.folder });
      let [out, error] = ["", ""];
      child.stdout.on("data", (part) => (out += part));
      child.stderr.on("data", (part) => (error += part));
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, out, error }));
      child.stdin.end(input);
    });
  }

  /** Runs a verb that must succeed; its JSON document. */
  async verb(words, input) {
    const { code, out, error } = await this.run([...words, "--json"], input);
    if (code !== 0) throw new Error(`ceven ${words.join(" ")} ended with ${code}: ${error}`);
    return JSON.parse(out);
  }
}
