// Writes the code of the README into files that the tests import.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const README = new URL("../README.md", import.meta.url);
const FOLDER = new URL(".readme/", import.meta.url);

function extract() {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  for (const [, kind, code] of readFileSync(README, "utf8").matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
    if (kind === "console" || kind === "html") continue; // html: tests/clients/test_static_file.py
    const [, name, rest] = /^(?:\/\/|<!--) (\S+)(?: -->)?\n(.*)$/s.exec(code) ?? [];
    if (!name) throw new Error(`A block of the README names no file, so no test runs it:\n${code}`);
    writeFileSync(new URL(name, FOLDER), rest);
  }
}

extract();
