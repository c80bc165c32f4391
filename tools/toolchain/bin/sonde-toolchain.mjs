#!/usr/bin/env node
/**
 * `sonde-toolchain`, as npm links it. What a reader would get wrong: npm links no file that is
 * absent, and dist is absent when a fresh clone runs `npm ci`; so the command is this file, which
 * never is.
 */
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  process.stderr.write('sonde-toolchain: not built yet; run npm start\n');
  process.exitCode = 2;
}
