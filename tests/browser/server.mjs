// A real `ceven serve` on free ports with a fresh SQLite file, and its command line; and `ceven dev`.
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

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

/** Starts a process whose errors, and whose output too unless it is read, go to a file. */
function start(binary, words, { folder, environment, log, isRead = false }) {
  const child = spawn(binary, words, { env: environment, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const file = createWriteStream(join(folder, log));
  if (!isRead) child.stdout.pipe(file);
  child.stderr.pipe(file);
  const ended = new Promise((resolve) => child.on("exit", resolve));
  return { child, ended };
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
    Object.assign(ceven, start(binary, ["serve"], { folder, environment: ceven.environment, log: "server.log" }));
    await until("the server answers its health check", async () => (await ceven.run(["healthcheck"])).code === 0);
    return ceven;
  }

  async stop() {
    this.child.kill("SIGTERM");
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

/** A running `ceven dev`: a console with simulated people and tools. */
export class Dev {
  static async start(binary, folder) {
    const dev = new Dev();
    const words = ["dev", "--listen", "127.0.0.1:0", "--json"];
    Object.assign(dev, start(binary, words, { folder, environment: { PATH: process.env.PATH }, log: "dev.log", isRead: true }));
    const lines = createInterface({ input: dev.child.stdout });
    const line = await Promise.race([new Promise((resolve) => lines.once("line", resolve)), dev.ended]);
    dev.said = JSON.parse(line);
    dev.url = new URL(dev.said.console_url).origin;
    return dev;
  }

  /** The page of a simulator. */
  page(name) {
    return this.said.simulators.find((one) => one.name === name).page;
  }

  async stop() {
    this.child.kill("SIGTERM");
    return (await this.ended) === 0;
  }
}
