/**
 * An executor ends when the Nx that runs it is gone, killed or not. What a reader would get wrong:
 * Nx forks a process for executors and only sends it a signal, which an Nx that was killed cannot;
 * the channel between the two closes in either case.
 */

/** Ends this process as soon as its channel to Nx closes; nothing happens where there is none. */
export function endWithNx() {
  if (process.listeners('disconnect').includes(end)) return;
  process.once('disconnect', end);
}

function end() {
  process.exit(1);
}
