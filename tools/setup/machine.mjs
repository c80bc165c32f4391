/**
 * `node tools/setup/machine.mjs`: installs what building and testing need, and does nothing else.
 * What a reader would get wrong: `npm start` and `npm test` do the same first; this is for those
 * who run their own commands afterwards, such as the jobs of a CI service.
 */
import { installMissing } from './apt.mjs';
import { installDependencies } from './dependencies.mjs';
import { thisHost } from './host.mjs';
import { runTasks } from './progress.mjs';
import { endChildrenWithUs, failJob } from './steps.mjs';

/** Installs what is missing; throws a StepError where it cannot. */
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
}

main().catch(error => failJob('tools/setup/machine.mjs', error));
