/**
 * Words that must not stand in a file: markers of work left over, paths of one machine, hosts of
 * registries, and names that say nothing. What a reader would get wrong: this file is checked like
 * any other, so the words that it looks for are put together from halves, here and in the examples.
 */
import { finding, type Check, type SourceFile, type Finding } from '../source-file.js';

const MARKERS = new RegExp(
  `\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`,
);
const UNBUILT = new RegExp(`\\bnot ${'imple'}mented\\b`, 'i');

function eachLine(file: SourceFile, test: (line: string) => string | undefined): Finding[] {
  return file.lines.flatMap((line, index) => {
    const message = test(line);
    return message === undefined ? [] : [finding(file, index + 1, message)];
  });
}

/** Refuses notes about work that was left over: build it, or write an issue. */
export const markers: Check = {
  name: 'markers',
  examples: [
    { path: 'a.ts', text: '// It waits for the ring.\n' },
    { path: 'a.ts', text: `\n// ${'TO'}DO: wait\n`, line: 2 },
    { path: 'a.c', text: `/* ${'XX'}X */\n`, line: 1 },
    { path: 'a.go', text: `panic("not ${'imple'}mented")\n`, line: 1 },
  ],
  find(file) {
    if (file.language === 'other') return [];
    return eachLine(file, line =>
      MARKERS.test(line) || UNBUILT.test(line)
        ? 'leftover marker; build it, or write an issue'
        : undefined,
    );
  },
};

// Preceded by nothing that makes it part of a longer path: /proc/PID/root is fine.
const MACHINE_PATH = /(?:^|[\s"'`(=:])(?:\/root|\/home\/[a-z][\w-]*|\/Users\/\w+|\/work)\/\w/;

/** Refuses absolute paths that exist on one machine only. */
export const machinePaths: Check = {
  name: 'machine-paths',
  examples: [
    { path: 'a.ts', text: "const a = '/proc/42/root/lib/libc.so.6';\n" },
    { path: 'a.ts', text: `const a = '/${'home'}/someone/sonde';\n`, line: 1 },
    { path: 'a.md', text: `cd /${'root'}/sonde\n`, line: 1 },
  ],
  find(file) {
    return eachLine(file, line =>
      MACHINE_PATH.test(line) ? 'a path of one machine; derive it, or take it as input' : undefined,
    );
  },
};

const HOST = new RegExp(
  '\\b(?:registry|registries|proxy|sum|deb|security|snapshot|ftp|mirrors?)\\.' +
    '[a-z0-9-]+(?:\\.[a-z0-9-]+)*\\.(?:org|com|net|dev|io)\\b',
);
const RESOLVED = /"resolved": "https?:/;

/** Refuses hosts of package registries and mirrors: clients know theirs from their settings. */
export const registryHosts: Check = {
  name: 'registry-hosts',
  examples: [
    { path: 'a.ts', text: "const a = 'the registry that npm is set to';\n" },
    { path: 'a.ts', text: `const a = 'https://${'registry'}.example.org/x';\n`, line: 1 },
    { path: 'package-lock.json', text: `{\n"resolved": "${'https'}://a/b.tgz"\n}\n`, line: 2 },
  ],
  find(file) {
    return eachLine(file, line =>
      HOST.test(line) || RESOLVED.test(line)
        ? "a registry's host; ask the client's own settings"
        : undefined,
    );
  },
};

const GRAB_BAGS = /(?:^|\/)(?:utils?|helpers?|common|misc|managers?|shared)(?:\/|\.[a-z.]+$)/;
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9-]+)*$/;
const SNAKE = /^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.[a-z0-9_]+)*$/;

/** Refuses file names that break the house's spelling, and rooms named after nothing. */
export const fileNames: Check = {
  name: 'file-names',
  examples: [
    { path: 'packages/a/src/ring-buffer.test.ts', text: '' },
    { path: 'packages/a/src/ringBuffer.ts', text: '', line: 1 },
    { path: 'packages/a/src/utils.ts', text: '', line: 1 },
    { path: 'packages/a/src/helpers/a.ts', text: '', line: 1 },
    { path: 'packages/a/src/cgo_malloc.bpf.c', text: '' },
    { path: 'packages/a/src/cgo-malloc.bpf.c', text: '', line: 1 },
  ],
  find(file) {
    if (GRAB_BAGS.test(file.path)) {
      return [finding(file, 1, 'a room named after nothing; name the noun that it holds')];
    }
    const name = file.path.slice(file.path.lastIndexOf('/') + 1);
    const script = file.language === 'ts' || file.language === 'mjs';
    if (script && !KEBAB.test(name)) return [finding(file, 1, 'scripts are named in kebab-case')];
    // Generated headers carry the probe's own name, which is kebab-case.
    const c = file.language === 'c' && !file.generated;
    if (c && !SNAKE.test(name)) return [finding(file, 1, 'C files are named in snake_case')];
    return [];
  },
};

/** Refuses binaries: what a script can rebuild is rebuilt, never stored. */
export const binaries: Check = {
  name: 'binaries',
  examples: [
    { path: 'a.txt', text: 'plain\n' },
    { path: 'a.o', text: '\u007fELF\u0002\u0001\u0000\u0000', line: 1 },
  ],
  find(file) {
    return file.text.slice(0, 8192).includes('\0')
      ? [finding(file, 1, 'a binary; keep the script that builds it instead')]
      : [];
  },
};
