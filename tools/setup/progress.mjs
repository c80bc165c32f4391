/**
 * Shows what is going on: listr2 on a terminal once `npm ci` has brought it, plain lines before
 * that and wherever the output is not a terminal. What a reader would get wrong: in plain form a
 * task prints when it begins too, and then what it is at every ten seconds, because a log that is
 * silent for a minute looks like a hang.
 */

/** In plain form, the time between two notes of one task. */
const NOTE_EVERY_MS = 10_000;

/**
 * @typedef {object} Task
 * @property {string} title what is done, as a short phrase
 * @property {(note: (text: string) => void) => Promise<string | void>} work does it; `note` shows
 *   what is going on now, the result is appended to the title
 */

/**
 * Seconds, as a person reads them.
 *
 * @param {number} milliseconds
 * @returns {string} such as `0.4 s` or `21 s`
 */
export function seconds(milliseconds) {
  return milliseconds < 9950
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : `${Math.round(milliseconds / 1000)} s`;
}

/**
 * @param {readonly Task[]} tasks
 * @param {(line: string) => void} write
 * @returns {Promise<void>} rejects with the first failure
 */
async function runPlain(tasks, write) {
  for (const task of tasks) {
    const started = performance.now();
    write(`· ${task.title}`);
    let shown = started;
    const result = await task.work(text => {
      if (performance.now() - shown < NOTE_EVERY_MS) return;
      shown = performance.now();
      write(`  ${text}`);
    });
    const took = seconds(performance.now() - started);
    write(`✓ ${task.title}${result === undefined ? '' : `: ${result}`} (${took})`);
  }
}

/**
 * @param {readonly Task[]} tasks
 * @returns {Promise<boolean>} false when listr2 is not installed yet
 */
async function runListr(tasks) {
  const listr = await import('listr2').catch(() => undefined);
  if (listr === undefined) return false;
  const list = new listr.Listr(
    tasks.map(task => ({
      title: task.title,
      task: async (/** @type {unknown} */ _context, /** @type {any} */ shown) => {
        const started = performance.now();
        const result = await task.work(text => {
          shown.output = text;
        });
        const took = seconds(performance.now() - started);
        shown.title = `${task.title}${result === undefined ? '' : `: ${result}`} (${took})`;
      },
    })),
    { concurrent: false, exitOnError: true, rendererOptions: { collapseErrors: false } },
  );
  await list.run();
  return true;
}

/**
 * Runs tasks one after another and shows them.
 *
 * @param {readonly Task[]} tasks
 * @param {{ tty?: boolean, write?: (line: string) => void }} [options] where to show them
 * @returns {Promise<void>} rejects with the first failure
 */
export async function runTasks(tasks, options = {}) {
  const tty = options.tty ?? (process.stdout.isTTY === true && process.env.CI === undefined);
  if (tty && (await runListr(tasks))) return;
  await runPlain(tasks, options.write ?? (line => console.log(line)));
}
