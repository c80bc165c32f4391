/**
 * The demonstration: a Go service with cgo that leaks C memory, and `sonde trace` on it. What a
 * reader would get wrong: the service's own report of what it leaked never reaches the tracer; it
 * is printed beside the verdict so that a person can compare.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT, StepError, runStep, spawnTracked } from './steps.mjs';
import { runTasks } from './progress.mjs';

/** @typedef {import('./host.mjs').Host} Host */
/** @typedef {{ durationSeconds: number, flags: readonly string[], host: Host }} Job */

const WORKLOAD = join(ROOT, 'vm-tests', 'workloads', 'leaky');
const CLI = join(ROOT, 'packages', 'cli', 'dist', 'main.js');
const VM = join(ROOT, 'vm-tests', 'dist', 'main.js');
const TOOLCHAIN = join(ROOT, 'tools', 'toolchain', 'dist', 'main.js');

/** The Go release that is fetched where the local one is none that Sonde has tables for. */
const RELEASE = '1.24';

/** Releases whose tables Sonde has; the local Go is used when it is one of them. */
const KNOWN_RELEASES = ['1.24', '1.26', '1.27'];

/**
 * The `go` program to build with.
 *
 * @param {Host} host
 * @returns {Promise<string>} a command or a path
 */
async function goProgram(host) {
  const local = (host.goVersion() ?? '').split('.').slice(0, 2).join('.');
  if (KNOWN_RELEASES.includes(local)) return 'go';
  let root = '';
  await runStep(process.execPath, [TOOLCHAIN, 'go', RELEASE], {
    log: 'go-toolchain',
    next: 'see the log; set GOPROXY to a module proxy that this machine reaches',
    onLine: line => {
      if (line.startsWith('/')) root = line.trim();
    },
  });
  return join(root, 'bin', 'go');
}

/**
 * Builds the leaking service with cgo for this machine.
 *
 * @param {Host} host
 * @returns {Promise<string>} the program's path
 */
async function buildLeaky(host) {
  const out = join(ROOT, 'out', 'demo');
  mkdirSync(out, { recursive: true });
  const program = join(out, 'leaky');
  const env = { CGO_ENABLED: '1', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  await runStep(await goProgram(host), ['build', '-o', program, '.'], {
    log: 'go-build',
    next: 'see the log; the leaking service needs cgo, so a C compiler',
    cwd: WORKLOAD,
    env,
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
      work: async () => {
        program = await buildLeaky(job.host);
      },
    },
  ]);
  const leaky = await startLeaky(program);
  try {
    const title = `trace pid ${leaky.pid} for ${job.durationSeconds} s`;
    const duration = ['--duration', `${job.durationSeconds}s`];
    const args = [CLI, 'trace', '--pid', String(leaky.pid), ...duration, ...job.flags];
    const { code, text } = await runShown(args, title);
    process.stdout.write(`\n${text}`);
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
