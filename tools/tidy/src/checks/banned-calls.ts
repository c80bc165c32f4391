/**
 * Calls that this house does not make, each with what to write instead. What a reader would get
 * wrong: the ban is on the call, found in the syntax tree or in C without its comments, so that a
 * comment or a message may name it.
 */
import ts from 'typescript';
import {
  finding,
  isScript,
  lineOf,
  syntaxTree,
  type Check,
  type Example,
  type Finding,
  type SourceFile,
} from '../source-file.js';

interface Ban {
  /** The callee as it is written, such as `Math.random`. */
  readonly call: string;
  readonly instead: string;
  /** Where the ban holds. */
  readonly where: RegExp;
  /** Where it does not, although `where` matches. */
  readonly except?: RegExp;
}

const ANY = /./;
const PACKAGES = /^packages\//;
// A fuzzer is a program beside the sources: it has a clock, files and a terminal of its own.
const VALUES = /^packages\/(?:symbols|memory|report)\/(?!fuzz\/)/;
const TESTS = /\.test\.(?:ts|mjs)$/;
const READERS = /\.test\.ts$|\/testing\/|reader\.ts$/;
const ENTRY = /^packages\/cli\/|\/main\.ts$|^packages\/symbols\/fuzz\//;

const SCRIPT_BANS: readonly Ban[] = [
  { call: 'eval', instead: 'a function', where: ANY },
  { call: 'execSync', instead: 'execa or spawnSync with an argument list', where: ANY },
  { call: 'require', instead: 'import, or createRequire for a path', where: /\.ts$/ },
  { call: 'Math.random', instead: 'a seeded generator that is passed in', where: ANY },
  {
    call: 'console.log',
    instead: 'a returned value: only cli and mains write to the terminal',
    where: PACKAGES,
    except: ENTRY,
  },
  {
    call: 'process.exit',
    instead: 'a thrown error: only mains decide about exit codes',
    where: PACKAGES,
    except: ENTRY,
  },
  { call: 'Date.now', instead: 'a clock that is passed in', where: VALUES },
  { call: 'performance.now', instead: 'a clock that is passed in', where: VALUES, except: TESTS },
  { call: 'readFileSync', instead: 'bytes that are passed in', where: VALUES, except: READERS },
  { call: 't.only', instead: 'the whole file of tests', where: TESTS },
  { call: 't.todo', instead: 'the test', where: TESTS },
];

const C_BANS: readonly Ban[] = [
  { call: 'bpf_printk', instead: 'an event, or a counted loss', where: ANY },
  { call: 'bpf_trace_printk', instead: 'an event, or a counted loss', where: ANY },
  { call: 'bpf_probe_read', instead: 'bpf_probe_read_user or bpf_probe_read_kernel', where: ANY },
  {
    call: 'bpf_get_attach_cookie',
    instead: 'sonde_site(ctx), which also works before 5.15',
    where: ANY,
    except: /^packages\/core\/bpf\//,
  },
  { call: 'strcpy', instead: 'a bounded copy', where: ANY },
  { call: 'strcat', instead: 'a bounded copy', where: ANY },
  { call: 'sprintf', instead: 'snprintf', where: ANY },
  { call: 'gets', instead: 'fgets', where: ANY },
];

function holds(ban: Ban, path: string): boolean {
  return ban.where.test(path) && !(ban.except?.test(path) ?? false);
}

function message(ban: Ban): string {
  return `${ban.call}() is banned; use ${ban.instead}`;
}

function inScript(file: SourceFile): Finding[] {
  const bans = SCRIPT_BANS.filter(ban => holds(ban, file.path));
  const tree = syntaxTree(file);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const callee = node.expression.getText(tree);
      const ban = bans.find(candidate => candidate.call === callee);
      if (ban !== undefined) findings.push(finding(file, lineOf(tree, node), message(ban)));
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return findings;
}

function inC(file: SourceFile): Finding[] {
  const bans = C_BANS.filter(ban => holds(ban, file.path));
  const bare = file.text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"/g, match =>
    match.replaceAll(/[^\n]/g, ' '),
  );
  return bare
    .split('\n')
    .flatMap((line, index) =>
      bans
        .filter(ban => new RegExp(`(?<![\\w.])${ban.call}\\s*\\(`).test(line))
        .map(ban => finding(file, index + 1, message(ban))),
    );
}

const examples: readonly Example[] = [
  { path: 'packages/memory/src/a.ts', text: '// Date.now() is wrong here.\nnow();\n' },
  { path: 'packages/memory/src/a.ts', text: '\nDate.now();\n', line: 2 },
  { path: 'packages/cli/src/a.ts', text: 'Date.now();\nconsole.log(1);\n' },
  { path: 'packages/core/src/a.ts', text: 'console.log(1);\n', line: 1 },
  { path: 'packages/core/src/a.test.ts', text: 't.only(1);\n', line: 1 },
  { path: 'tools/x/src/a.ts', text: 'const a = Math.random();\n', line: 1 },
  {
    path: 'packages/probe-x/src/x.bpf.c',
    text: '/* bpf_printk(x) */\nbpf_printk("a");\n',
    line: 2,
  },
  { path: 'packages/probe-x/src/x.bpf.c', text: 'bpf_probe_read_user(a, b, c);\n' },
  { path: 'packages/probe-x/src/x.bpf.c', text: 'bpf_get_attach_cookie(ctx);\n', line: 1 },
  { path: 'packages/core/bpf/site.bpf.h', text: 'bpf_get_attach_cookie(ctx);\n' },
];

/** Refuses banned calls and says what to write instead. */
export const bannedCalls: Check = {
  name: 'banned-calls',
  examples,
  find(file) {
    if (isScript(file)) return inScript(file);
    return file.language === 'c' ? inC(file) : [];
  },
};
