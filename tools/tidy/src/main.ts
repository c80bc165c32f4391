#!/usr/bin/env node
/**
 * `sonde-tidy [FILE…]`: prints `file:line: message` for every violation and exits with 1 if any.
 * What a reader would get wrong: the files are those that git knows or would add, so a build's
 * output is never judged, and a new file is judged before it is committed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { askCodegen, probeFolders, staleGenerated } from './generated.js';
import { tidy } from './index.js';
import { sourceFile } from './source-file.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function listFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const git = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (git.status !== 0) throw new Error(`list files: git ${args.join(' ')}: ${git.stderr}`);
  return git.stdout.split('\0').filter(path => path !== '' && existsSync(join(root, path)));
}

const wanted = process.argv.slice(2);
const paths = wanted.length > 0 ? wanted : listFiles();
const files = paths.map(path => sourceFile(path, readFileSync(join(root, path), 'utf8')));
const findings = tidy(files);
if (wanted.length === 0) findings.push(...staleGenerated(probeFolders(root), askCodegen(root)));
for (const { path, line, message } of findings) console.log(`${path}:${line}: ${message}`);
console.log(`tidy: ${files.length} files, ${findings.length} findings`);
process.exitCode = findings.length === 0 ? 0 : 1;
