/**
 * The stack that programs take, as clang lays it out. What a reader would get wrong: what counts is
 * the sum along a chain of calls, each frame rounded up to 32 bytes, and not the largest frame.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkStackUses, stackUses, BPF_STACK_BYTES_MAX } from './bpf-stack.js';
import { compileBpf } from './compile-bpf.js';

/** A program that keeps bytes across the call of a function that has some too, and one without. */
function source(sizes: readonly [number, number]): string {
  const [own, callee] = sizes;
  return `
typedef unsigned long u64;
#define SEC(name) __attribute__((section(name), used))
static long (*bpf_probe_read_user)(void *, unsigned, const void *) = (void *)112;
__attribute__((noinline)) long callee(u64 at)
{
	char bytes[${callee}];

	bpf_probe_read_user(bytes, sizeof(bytes), (void *)at);
	return bytes[at & 7];
}
SEC("uprobe") long program(u64 *ctx)
{
	char bytes[${own}];
	long sum;

	bpf_probe_read_user(bytes, sizeof(bytes), (void *)ctx[0]);
	sum = callee(ctx[1]);
	return sum + bytes[ctx[2] & 7];
}
SEC("uprobe") long without(void *ctx)
{
	return 0;
}
`;
}

function compile(t: Pick<Test, 'testdir'>, text: string): Buffer {
  const folder = t.testdir({ 'p.bpf.c': text });
  const object = join(folder, 'p.o');
  compileBpf({ source: join(folder, 'p.bpf.c'), object, arch: 'x86_64' });
  return readFileSync(object);
}

t.test('a program and its callee, each frame by its own size', async t => {
  const uses = stackUses(compile(t, source([96, 40])));
  t.match(uses, [
    {
      program: 'program',
      bytes: 96 + 64,
      frames: [
        { name: 'program', bytes: 96 },
        { name: 'callee', bytes: 40 },
      ],
    },
    { program: 'without', bytes: 32, frames: [{ name: 'without', bytes: 0 }] },
  ]);
});

t.test('the limit is below what kernels give, and is for the whole chain', async t => {
  t.ok(BPF_STACK_BYTES_MAX < 512);
  const within = compile(t, source([320, 128]));
  t.doesNotThrow(() => checkStackUses('within.bpf.c', within));
  t.throws(() => compile(t, source([352, 136])), {
    message: /p\.bpf\.c: program program takes 512 bytes of stack, more than 480: .* callee 136$/,
  });
});

t.test('what is no object is refused', async t => {
  t.throws(() => stackUses(new Uint8Array(100)), { message: /100 bytes are no ELF file/ });
});
