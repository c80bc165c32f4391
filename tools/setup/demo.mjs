/**
 * The demonstration: a Go service with cgo that leaks C memory, and `sonde trace` on it. What a
 * reader would get wrong: the service's own report of what it leaked never reaches the tracer; it
 * is printed beside the verdict so that a person can compare.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT, StepError, runStep, spawnTracked } from './steps.mjs';
import { runTasks } from './progress.mjs';

/** @typedef {import('./host.mjs').Host} Host */
/** @typedef {{ durationSeconds: number, flags: readonly string[], host: Host }} Job */

const CLI = join(ROOT, 'packages', 'cli', 'dist', 'main.js');
const VM = join(ROOT, 'vm-tests', 'dist', 'main.js');

/** What Debian and Go call the processors that Node names. */
const DEBIAN_ARCH = /** @type {Record<string, string>} */ ({ x64: 'amd64', arm64: 'arm64' });

/**
 * Builds the leaking service with cgo for this machine; unchanged sources cost a copy.
 *
 * @param {Host} host
 * @param {(note: string) => void} note
 * @returns {Promise<string>} the program's path
 */
async function buildLeaky(host, note) {
  let program = '';
  const arch = DEBIAN_ARCH[host.arch] ?? host.arch;
  await runStep(process.execPath, [VM, 'workloads', '--arch', arch, 'leaky'], {
    log: 'leaky-build',
    next: 'see the log; the service needs cgo, so a C compiler and a Go that Sonde has tables for',
    onLine: line => {
      if (line.startsWith('/')) program = line.trim();
      else note(line);
    },
  });
  return program;
}

/**
 * Starts the service and waits for its first line, which it prints when it serves.
 *
 * @param {string} program
 * @returns {Promise<{ pid: number, lines: string[], stop: () => Promise<void> }>}
 */
async function startLeaky(program) {
  const child = spawnTracked(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise(resolve => child.once('close', resolve));
  /** @type {string[]} */
  const lines = [];
  if (child.stdout === null) throw new StepError('start leaky: it has no output', { ran: program });
  const reader = createInterface({ input: child.stdout });
  await new Promise((resolve, reject) => {
    reader.on('line', line => {
      lines.push(line);
      resolve(undefined);
    });
    child.once('error', cause => {
      reject(new StepError(`start leaky: ${cause.message}`, { ran: program, cause }));
    });
    child.once('close', code => {
      reject(new StepError(`start leaky: it ended with ${code}`, { ran: program }));
    });
  });
  const stop = async () => {
    child.stdin?.end();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
    await closed;
    clearTimeout(timer);
  };
  return { pid: child.pid ?? 0, lines, stop };
}

/**
 * What the service counted itself, to hold against the verdict. It serves fewer requests than it
 * would like to on a busy machine, so its count is taken and not its intention.
 *
 * @param {readonly string[]} lines its output while it was traced, one JSON object a line
 * @returns {string} a sentence with its newline, '' when it said too little
 */
export function groundTruth(lines) {
  const counts = lines.flatMap(line => {
    const found = /"second":\s*(\d+)/.exec(line)?.[1];
    const lost = /"lostBytes":\s*(\d+)/.exec(line)?.[1];
    return found === undefined || lost === undefined
      ? []
      : [{ second: Number(found), bytes: Number(lost) }];
  });
  const [first, last] = [counts[0], counts.at(-1)];
  if (first === undefined || last === undefined || first === last) return '';
  const kibPerSecond = (last.bytes - first.bytes) / (last.second - first.second) / 1024;
  const rate = `${Math.round(kibPerSecond)} KiB/s`;
  return `\nThe service's own count, which the tracer never saw: its C library loses ${rate}.\n`;
}

/**
 * Runs a program whose output is the user's, with a running clock on a terminal.
 *
 * @param {readonly string[]} args after `node`
 * @param {string} title what is going on, such as `tracing pid 42 for 20 s`
 * @returns {Promise<{ code: number, text: string }>} its exit code and its standard output
 */
async function runShown(args, title) {
  let code = 1;
  let text = '';
  const ran = [process.execPath, ...args].join(' ');
  const work = async () => {
    const child = spawnTracked(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, COLUMNS: String(process.stdout.columns ?? 100) },
    });
    let errors = '';
    child.stdout?.setEncoding('utf8').on('data', chunk => (text += chunk));
    child.stderr?.setEncoding('utf8').on('data', chunk => (errors += chunk));
    code = await new Promise((resolve, reject) => {
      child.once('close', (status, signal) => resolve(signal === null ? (status ?? 1) : 1));
      child.once('error', reject);
    });
    if (code === 1 || code === 2) {
      throw new StepError(`trace: exit code ${code}\n${indent(errors || text)}`, { ran });
    }
  };
  await runTasks([{ title, work }]);
  return { code, text };
}

/**
 * @param {string} text
 * @returns {string} its last lines, indented
 */
function indent(text) {
  const lines = text.trimEnd().split('\n').slice(-20);
  return lines.map(line => `    ${line}`).join('\n');
}

/**
 * Builds and starts the service here and traces it.
 *
 * @param {Job} job
 * @returns {Promise<number>} the tracer's exit code
 */
export async function traceOnHost(job) {
  let program = '';
  await runTasks([
    {
      title: 'build the leaking service (Go with cgo)',
      work: async note => {
        program = await buildLeaky(job.host, note);
      },
    },
  ]);
  const leaky = await startLeaky(program);
  try {
    const title = `trace pid ${leaky.pid} for ${job.durationSeconds} s`;
    const duration = ['--duration', `${job.durationSeconds}s`];
    const args = [CLI, 'trace', '--pid', String(leaky.pid), ...duration, ...job.flags];
    const before = leaky.lines.length;
    const { code, text } = await runShown(args, title);
    process.stdout.write(`\n${text}${groundTruth(leaky.lines.slice(before))}`);
    return code;
  } finally {
    await leaky.stop();
  }
}

/**
 * Starts the service and the tracer in a guest of this machine's processor.
 *
 * @param {Job} job
 * @returns {Promise<number>} the tracer's exit code
 */
export async function traceInGuest(job) {
  const { installMissing } = await import('./apt.mjs');
  await runTasks([
    {
      title: 'Debian packages of the guest lane',
      work: note => installMissing(job.host, ['host', 'guest'], note),
    },
  ]);
  const duration = ['--duration', `${job.durationSeconds}s`];
  const title = `boot a guest and trace in it for ${job.durationSeconds} s`;
  const { code, text } = await runShown([VM, 'job', ...duration, ...job.flags], title);
  process.stdout.write(`\n${text}`);
  return code;
}
