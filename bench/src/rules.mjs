// @ts-check
/**
 * Rules found per second: an address of a library → the row of its unwind data → the packed rule →
 * the table that BPF reads; in libraries that every cgo program or its dependencies load, from a
 * table that was just opened. What a reader would get wrong: the first lookups pay for compiling
 * our code as well, as they do in life, and are therefore part of the figure.
 */
import { RULE_TABLE_BYTES, RuleTable, ruleKey } from '@sonde/core/stacks';
import { NO_RULE, openElf, openFileReader, packRule, UnwindTable } from '@sonde/symbols';
import { existsSync, readdirSync } from 'node:fs';
import { alternate, row } from './measure.mjs';

const COUNT = 20_000;
const ROUNDS = 5;
const LIBRARIES = ['libc.so.6', 'libcrypto.so.3', 'libstdc++.so.6'];

/** @param {string} name */
function libraryPath(name) {
  const folders = readdirSync('/usr/lib').filter(folder => folder.endsWith('-linux-gnu'));
  return folders.map(folder => `/usr/lib/${folder}/${name}`).find(path => existsSync(path));
}

/**
 * Microseconds a rule at addresses spread over the code of a file.
 * @param {string} path
 */
function ruleUs(path) {
  const elf = openElf(openFileReader(path));
  const arch = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const code = elf.segments.filter(segment => (segment.flags & 1) !== 0);
  const rules = new RuleTable(new ArrayBuffer(RULE_TABLE_BYTES));
  const table = new UnwindTable(elf);
  let found = 0;
  const start = performance.now();
  for (const { address, memoryBytes } of code) {
    const stride = Math.max(1, Math.floor(memoryBytes / COUNT));
    for (let at = address; at < address + memoryBytes; at += stride) {
      const row = table.rowAt(at);
      const rule = row === undefined ? NO_RULE : packRule(arch, row, false);
      rules.install(ruleKey(at + 1, false), rule);
      found++;
    }
  }
  return ((performance.now() - start) * 1000) / found;
}

/** Prints microseconds a rule and rules per second for each library that is there. */
export async function rulesPerSecond() {
  console.log('rules found, each at another address');
  for (const name of LIBRARIES) {
    const path = libraryPath(name);
    if (path === undefined) continue;
    const cold = ruleUs(path);
    const { rule } = await alternate(ROUNDS, { rule: () => ruleUs(path) });
    if (rule === undefined) continue;
    row(`  ${name}, the first ${cold.toFixed(2)} us each`, rule, 'us a rule');
    console.log(`    ${(1e3 / rule.median).toFixed(0)} thousand rules a second`);
  }
}
