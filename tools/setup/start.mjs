/**
 * `npm start`: installs what is missing, builds, starts a Go service that leaks C memory at a known
 * rate, traces it for 20 seconds and prints the verdict.
 * What a reader would get wrong: the service and the tracer may run in a guest. The lane and its
 * reason are printed before anything is traced, and the report is the same in both.
 */
import { installMissing } from './apt.mjs';
import { installDependencies } from './dependencies.mjs';
import { thisHost } from './host.mjs';
import { traceInGuest, traceOnHost } from './demo.mjs';
import { askDoctor, chooseLane, forcedLane } from './lane.mjs';
import { runNx } from './nx.mjs';
import { runTasks, seconds } from './progress.mjs';
import { endChildrenWithUs, failJob } from './steps.mjs';

/** @typedef {import('./lane.mjs').Choice} Choice */

/** How long the service is traced; the cold and warm goals of the README include it. */
const DURATION_SECONDS = 20;

/**
 * Flags after `npm start --` that go to `sonde trace`, such as `--attach NAME`.
 *
 * @param {readonly string[]} args
 * @returns {string[]}
 */
function traceFlags(args) {
  return args.filter(arg => arg !== '--');
}

/** @returns {Promise<number>} the exit code of the trace */
async function main() {
  endChildrenWithUs();
  const started = performance.now();
  const host = thisHost();
  const forced = forcedLane(process.env);
  // Without root only a guest can work, and one line has to name all packages.
  const guestLikely = forced === 'guest' || (forced === undefined && !host.root);
  await runTasks([
    {
      title: 'Debian packages',
      work: note => installMissing(host, guestLikely ? ['host', 'guest'] : ['host'], note),
    },
    { title: 'npm packages', work: installDependencies },
  ]);
  /** @type {Choice} */
  let choice = { lane: 'guest', why: '' };
  const projects = ['cli', 'vm-tests', 'probe-*'].join(',');
  await runTasks([
    {
      title: 'build',
      work: async note => {
        const next = 'mend what the log shows, then run the same command again';
        const args = ['run-many', '-t', 'build', 'bpf', '-p', projects];
        const run = await runNx(args, { log: 'build', next, note });
        return `${run.done.length} targets`;
      },
    },
    {
      title: 'choose the lane',
      work: async () => {
        const doctor = forced === undefined ? askDoctor() : { works: false, why: '' };
        choice = chooseLane(forced, doctor);
        return `${choice.lane}, because ${choice.why}`;
      },
    },
  ]);
  const flags = traceFlags(process.argv.slice(2));
  const job = { durationSeconds: DURATION_SECONDS, flags, host };
  const trace = choice.lane === 'host' ? traceOnHost : traceInGuest;
  const code = await trace(job);
  console.log(`\n${choice.lane} lane, ${seconds(performance.now() - started)} in all`);
  return code;
}

main().then(
  code => {
    process.exitCode = code;
  },
  error => failJob('npm start', error),
);
