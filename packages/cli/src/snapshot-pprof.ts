/**
 * A snapshot's heap profile as pprof's profile.proto, compressed. The fact a reader gets wrong:
 * every name is an index into one table of strings whose first entry must be empty, and ids of
 * functions and locations start at 1 (github.com/google/pprof/proto/profile.proto).
 */
import { gzipSync } from 'node:zlib';
import type { Snapshot, SnapshotFrame } from './snapshot-types.js';

/** Fields of a message, written in the order of the calls. */
class Message {
  readonly #bytes: number[] = [];

  /** A varint field; zero is the default and is not written. */
  number(field: number, value: number | bigint): this {
    if (BigInt(value) === 0n) return this;
    this.#varint(BigInt(field << 3));
    this.#varint(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint(BigInt((field << 3) | 2));
    this.#varint(BigInt(value.length));
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  /** Repeated numbers, packed. */
  packed(field: number, values: readonly number[]): this {
    const inner = new Message();
    for (const value of values) inner.#varint(BigInt(value));
    return this.message(field, inner);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #varint(value: bigint): void {
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.#bytes.push(Number(rest & 0x7fn) | 0x80);
    this.#bytes.push(Number(rest));
  }
}

/** Numbers given out in order, one for each text. */
class Numbers {
  readonly #known = new Map<string, number>();

  constructor(readonly first: number) {}

  of(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const next = this.first + this.#known.size;
    this.#known.set(text, next);
    return next;
  }

  get size(): number {
    return this.#known.size;
  }

  texts(): string[] {
    return [...this.#known.keys()];
  }
}

const SAMPLE_TYPES = [
  ['alloc_objects', 'count'],
  ['alloc_space', 'bytes'],
  ['inuse_objects', 'count'],
  ['inuse_space', 'bytes'],
] as const;

/** The profile of a snapshot that has a heap section; `go tool pprof FILE` reads it. */
export function encodePprof(snapshot: Snapshot, takenAt: Date): Uint8Array {
  const heap = snapshot.heap ?? { stacks: [], rateBytes: null };
  const strings = new Numbers(0);
  strings.of('');
  const profile = new Message();
  const valueType = (type: string, unit: string): Message =>
    new Message().number(1, strings.of(type)).number(2, strings.of(unit));
  for (const [type, unit] of SAMPLE_TYPES) profile.message(1, valueType(type, unit));
  const table = new LocationTable(strings);
  for (const entry of heap.stacks) {
    const values = [entry.allocObjects, entry.allocBytes, entry.inUseObjects, entry.inUseBytes];
    const label = new Message().number(1, strings.of('bytes')).number(3, entry.objectBytes);
    const ids = entry.frames.map(frame => table.locationOf(frame));
    profile.message(2, new Message().packed(1, ids).packed(2, values).message(3, label));
  }
  const { exe, buildId } = snapshot.target;
  const mapping = new Message().number(1, 1).number(5, strings.of(exe));
  // All four "has" flags: pprof must not look for names in a file that it may not have.
  mapping.number(6, strings.of(buildId)).number(7, 1).number(8, 1).number(9, 1).number(10, 1);
  profile.message(3, mapping);
  table.write(profile);
  const period = valueType('space', 'bytes');
  const type = strings.of('inuse_space');
  for (const text of strings.texts()) profile.bytes(6, Buffer.from(text, 'utf8'));
  profile.number(9, BigInt(takenAt.getTime()) * 1_000_000n).message(11, period);
  profile.number(12, heap.rateBytes ?? 0).number(14, type);
  return gzipSync(profile.finish());
}

/** Locations and functions of all samples, one of each. */
class LocationTable {
  readonly #strings: Numbers;
  readonly #locations = new Map<string, { id: number; frame: SnapshotFrame; function: number }>();
  readonly #functions = new Map<string, { id: number; frame: SnapshotFrame }>();

  constructor(strings: Numbers) {
    this.#strings = strings;
  }

  /** One location for each frame: a profile's address may stand for several inlined ones. */
  locationOf(frame: SnapshotFrame): number {
    const key = `${frame.address} ${frame.function} ${frame.line ?? 0}`;
    const known = this.#locations.get(key);
    if (known !== undefined) return known.id;
    const name = `${frame.function} ${frame.file ?? ''}`;
    let owner = this.#functions.get(name);
    if (owner === undefined) {
      owner = { id: this.#functions.size + 1, frame };
      this.#functions.set(name, owner);
    }
    const id = this.#locations.size + 1;
    this.#locations.set(key, { id, frame, function: owner.id });
    return id;
  }

  write(profile: Message): void {
    for (const { id, frame, function: owner } of this.#locations.values()) {
      const line = new Message().number(1, owner).number(2, frame.line ?? 0);
      const location = new Message().number(1, id).number(2, 1).number(3, BigInt(frame.address));
      profile.message(4, location.message(4, line));
    }
    for (const { id, frame } of this.#functions.values()) {
      const name = this.#strings.of(frame.function);
      const message = new Message().number(1, id).number(2, name).number(3, name);
      profile.message(5, message.number(4, this.#strings.of(frame.file ?? '')));
    }
  }
}
