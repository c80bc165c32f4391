#!/usr/bin/env node
/**
 * `sonde-watch`, as npm links it. What a reader would get wrong: npm links commands at `npm ci`,
 * before anything is built, so this file is committed and loads what the build makes.
 */
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) await import(main.href);
else {
  console.error('sonde-watch: it is not built yet; run: npx nx build watch');
  process.exitCode = 1;
}
