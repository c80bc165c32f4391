/**
 * `npm test`: installs what is missing, builds, runs every test, and counts. What a reader would
 * get wrong: the last line counts assertions of all tests, cached ones included; Nx's own count is
 * of targets. A target that failed without a failed assertion (a compile error, a lint finding)
 * counts as one failure.
 */
import { relative } from 'node:path';
import { installMissing } from './apt.mjs';
import { installDependencies } from './dependencies.mjs';
import { thisHost } from './host.mjs';
import { runNx } from './nx.mjs';
import { runTasks } from './progress.mjs';
import { probeProjects, projectRoots } from './projects.mjs';
import { clearTap, countProjects, sumCounts, summaryLine } from './report.mjs';
import { ROOT, endChildrenWithUs, failJob } from './steps.mjs';

/** @typedef {import('./nx.mjs').NxRun} NxRun */
/** @typedef {import('./report.mjs').FileCounts} FileCounts */

/** Targets that together are "every test"; a project has those that its files call for. */
const TARGETS = ['test', 'unit', 'kernel', 'tidy', 'lint', 'format', 'types'];

/** Prints one line per TAP file, then the failures by name. @param {readonly FileCounts[]} files */
function printCounts(files) {
  for (const { project, file, counts } of files) {
    const cell = (relative(ROOT, file).split('/').pop() ?? '').replace(/\.tap$/, '');
    console.log(`  ${`${project} ${cell}`.padEnd(40)} ${summaryLine(counts)}`);
  }
  for (const { project, failures } of files) {
    for (const failure of failures) console.log(`  not ok  ${project}: ${failure}`);
  }
}

/**
 * Targets that failed although their TAP has no failed assertion.
 *
 * @param {NxRun} run
 * @param {readonly FileCounts[]} files
 * @returns {string[]}
 */
function failedWithoutTap(run, files) {
  const told = new Set(files.filter(f => f.counts.failed > 0).map(f => f.project));
  return run.failed.filter(target => {
    const [project = '', name = ''] = target.split(':');
    return !(told.has(project) && /^(?:test|unit|kernel)/.test(name));
  });
}

/** @returns {Promise<number>} the exit code */
async function main() {
  endChildrenWithUs();
  const host = thisHost();
  await runTasks([
    {
      title: 'Debian packages',
      work: note => installMissing(host, ['host', 'guest', 'tests'], note),
    },
    { title: 'npm packages', work: installDependencies },
  ]);
  /** @type {NxRun | undefined} */
  let run;
  const roots = projectRoots();
  clearTap(roots);
  // Built first and apart, and gathered below: kernel tests of all projects then become ready at
  // once, and Nx gives them to their executor as one batch, which boots each kernel once.
  await runTasks([
    {
      title: 'build',
      work: async note => {
        const next = 'mend what the log shows, then run the same command again';
        const build = ['run-many', '-t', 'build', 'bpf'];
        const { done } = await runNx(build, { log: 'build', next, note });
        return `${done.length} targets`;
      },
    },
  ]);
  const title = `every test (${TARGETS.join(', ')})`;
  const args = ['run-many', '-t', ...TARGETS, '--batch', '--nxBail=false'];
  await runTasks([
    {
      title,
      work: async note => {
        const next = 'see the log';
        const env = { SONDE_GATHER: '1' };
        run = await runNx(args, { log: 'test', next, note, env, keepGoing: true });
        return `${run.done.length} targets passed, ${run.failed.length} failed`;
      },
    },
  ]);
  if (run === undefined) return 1;
  const files = await countProjects(roots);
  printCounts(files);
  const counts = sumCounts(files.map(file => file.counts));
  const bare = failedWithoutTap(run, files);
  for (const target of bare) console.log(`  failed  ${target} (npx nx run ${target})`);
  // Nx says nothing about single tasks of a batch; their results do.
  const tested = new Set(files.flatMap(f => (f.file.includes('/out/tap/') ? [f.project] : [])));
  const missing = probeProjects().filter(project => !tested.has(project));
  for (const project of missing) console.log(`  failed  ${project}:test did not run`);
  counts.failed += bare.length + missing.length;
  if (run.code !== 0 && counts.failed === 0) counts.failed++;
  if (counts.failed > 0) console.log(`  log     ${relative(ROOT, run.log)}`);
  console.log(summaryLine(counts));
  return counts.failed === 0 ? 0 : 1;
}

main().then(
  code => {
    process.exitCode = code;
  },
  error => failJob('npm test', error),
);
