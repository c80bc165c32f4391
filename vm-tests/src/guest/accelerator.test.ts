/**
 * Which accelerator is taken, with a stand-in for QEMU: one that boots, one that is refused, and
 * one that hangs as a restricted /dev/kvm does. Real guests are booted by the kernel tests.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { allCells, readMatrix, type Cell } from '../matrix.js';
import { acceleratorCandidate, chooseAccelerator } from './accelerator.js';

/** Asks with a QEMU that is a shell script; `asked` counts how often it was started to boot. */
function machine(t: Test, script: string) {
  const folder = t.testdir();
  const program = join(folder, 'qemu');
  const count = join(folder, 'count');
  const text = `#!/bin/sh\n[ "$1" = --version ] && exit\necho once >> ${count}\n${script}\n`;
  writeFileSync(program, text);
  writeFileSync(count, '');
  chmodSync(program, 0o755);
  const [real] = allCells(readMatrix());
  if (!real) throw new Error('the matrix has no cell');
  const qemu = { ...real.architecture.qemu, program };
  const cell: Cell = { ...real, architecture: { ...real.architecture, qemu } };
  const said: string[] = [];
  return {
    said,
    asked: () => readFileSync(count, 'utf8').split('\n').length - 1,
    choose: () =>
      chooseAccelerator({
        ...{ cell, folder, kernel: 'k', initramfs: 'i', candidate: 'kvm' },
        progress: line => said.push(line),
        timeoutMs: 500,
      }),
  };
}

t.test('a boot proves it, once', async t => {
  const { choose, asked, said } = machine(t, `echo '##CELL start 9.9'; exec sleep 600`);
  t.match(await choose(), { accelerator: 'kvm', why: /^KVM booted in/ });
  t.match(await choose(), { accelerator: 'kvm' });
  t.equal(asked(), 1, 'the answer is remembered');
  t.match(said, [/^accelerator for .*: KVM, /]);
});

t.test('one that hangs is left for emulation within its limit, and remembered', async t => {
  const { choose, asked, said } = machine(t, 'exec sleep 600');
  const began = Date.now();
  t.match(await choose(), { accelerator: 'tcg', why: /KVM does not work: it did not boot within/ });
  t.ok(Date.now() - began < 5000);
  t.match(await choose(), { accelerator: 'tcg' });
  t.equal(asked(), 1);
  t.match(said, [/TCG, KVM does not work/]);
});

t.test('one that QEMU refuses is left with its words', async t => {
  const { choose } = machine(t, 'echo "qemu: failed to initialize kvm: Denied" >&2; exit 1');
  t.match(await choose(), { accelerator: 'tcg', why: /failed to initialize kvm: Denied/ });
});

t.test('another architecture is always emulated', async t => {
  for (const cell of allCells(readMatrix())) {
    const other = cell.architecture.npm === 'x64' ? 'arm64' : 'x64';
    t.equal(acceleratorCandidate(cell, { arch: other, platform: 'linux' }), 'tcg');
    const own = { arch: cell.architecture.npm, platform: 'darwin' } as const;
    t.equal(acceleratorCandidate(cell, own), process.env['SONDE_ACCEL'] === 'tcg' ? 'tcg' : 'hvf');
  }
});
