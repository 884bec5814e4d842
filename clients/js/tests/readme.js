// Writes the code of the README into files, which other tests import.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const README = new URL("../README.md", import.meta.url);
const FOLDER = new URL(".readme/", import.meta.url);

export default function extract() {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  const blocks = readFileSync(README, "utf8").matchAll(
    /^```(?:jsx?|ts|vue)\n(?:\/\/|<!--) (\S+)(?: -->)?\n(.*?)^```$/gms,
  );
  for (const [, name, code] of blocks) writeFileSync(new URL(name, FOLDER), code);
}

if (process.argv[1] === new URL(import.meta.url).pathname) extract();
