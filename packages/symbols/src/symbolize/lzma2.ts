/**
 * LZMA2 as it stands in xz blocks (the format is that of Igor Pavlov's LZMA SDK specification, with
 * chunk headers around it). What a reader would get wrong: state and dictionary outlive a chunk
 * unless its control byte resets them; the range coder starts anew in each.
 *
 *   chunk control  0 end · 1 plain, dictionary reset · 2 plain · ≥ 0x80 LZMA, bits 5-6: 0 nothing
 *                  reset, 1 state, 2 state and properties, 3 and dictionary
 */
import { FormatError } from '../elf/index.js';

const STATES = 12;
const POS_STATES_MAX = 16;
const PROBABILITY = 1024;
const TOP = 0x1000000;
const MATCH_MIN = 2;
const END_OF_MATCHES = 0xffffffff;

/** Probabilities of one length coder: choice, choice 2, low and middle by position, high. */
interface LengthModel {
  readonly choice: Uint16Array;
  readonly low: Uint16Array;
  readonly middle: Uint16Array;
  readonly high: Uint16Array;
}

const fresh = (count: number): Uint16Array => new Uint16Array(count).fill(PROBABILITY);

function lengthModel(): LengthModel {
  return {
    choice: fresh(2),
    low: fresh(POS_STATES_MAX << 3),
    middle: fresh(POS_STATES_MAX << 3),
    high: fresh(256),
  };
}

/** All probabilities, as a state reset leaves them. */
function newModel(literalBits: number) {
  return {
    literal: fresh(0x300 << literalBits),
    isMatch: fresh(STATES * POS_STATES_MAX),
    isRep: fresh(STATES),
    isRepG0: fresh(STATES),
    isRepG1: fresh(STATES),
    isRepG2: fresh(STATES),
    isRep0Long: fresh(STATES * POS_STATES_MAX),
    slot: fresh(4 * 64),
    special: fresh(128),
    align: fresh(16),
    length: lengthModel(),
    repLength: lengthModel(),
  };
}

/** Unpacks blocks one after the other into one output. */
export class Lzma2Decoder {
  readonly #input: Uint8Array;
  readonly #bytesMax: number;
  #out: Uint8Array;
  #size = 0;
  #dictionaryStart = 0;
  #at = 0;
  #end = 0;
  #range = 0;
  #code = 0;
  #lc = 0;
  #lp = 0;
  #pb = 0;
  #model = newModel(0);
  #hasProperties = false;
  #state = 0;
  #reps: [number, number, number, number] = [0, 0, 0, 0];

  /** Never makes more than `bytesMax` bytes. */
  constructor(input: Uint8Array, bytesMax: number) {
    this.#input = input;
    this.#bytesMax = bytesMax;
    this.#out = new Uint8Array(Math.min(bytesMax, Math.max(4096, input.byteLength * 4)));
  }

  /** What was unpacked so far. */
  output(): Uint8Array {
    return this.#out.subarray(0, this.#size);
  }

  /** Unpacks the chunks from an offset of the input; returns the offset behind them. */
  decode(start: number): number {
    this.#dictionaryStart = this.#size;
    let at = start;
    for (;;) {
      const control = this.#byte(at);
      if (control === 0) return at + 1;
      if (control < 0x80) at = this.#plainChunk(at, control);
      else at = this.#lzmaChunk(at, control);
    }
  }

  #byte(at: number): number {
    const byte = this.#input[at];
    if (byte === undefined) throw new FormatError(at, 'xz: data is truncated');
    return byte;
  }

  #reserve(bytes: number, at: number): void {
    const wanted = this.#size + bytes;
    if (wanted > this.#bytesMax) throw new FormatError(at, 'xz: unpacks to too much', wanted);
    if (wanted <= this.#out.byteLength) return;
    const larger = new Uint8Array(Math.min(this.#bytesMax, Math.max(wanted, 2 * this.#size)));
    larger.set(this.output());
    this.#out = larger;
  }

  #plainChunk(at: number, control: number): number {
    if (control > 2) throw new FormatError(at, 'xz: bad chunk', control);
    if (control === 1) this.#dictionaryStart = this.#size;
    const size = (this.#byte(at + 1) << 8) + this.#byte(at + 2) + 1;
    this.#byte(at + 2 + size);
    this.#reserve(size, at);
    this.#out.set(this.#input.subarray(at + 3, at + 3 + size), this.#size);
    this.#size += size;
    return at + 3 + size;
  }

  #lzmaChunk(start: number, control: number): number {
    const size =
      ((control & 0x1f) << 16) + (this.#byte(start + 1) << 8) + this.#byte(start + 2) + 1;
    const packed = (this.#byte(start + 3) << 8) + this.#byte(start + 4) + 1;
    const reset = (control >> 5) & 3;
    let at = start + 5;
    if (reset === 3) this.#dictionaryStart = this.#size;
    if (reset >= 2) this.#setProperties(this.#byte(at++));
    if (!this.#hasProperties) throw new FormatError(start, 'xz: chunk without properties');
    if (reset >= 1) this.#resetState();
    this.#end = at + packed;
    this.#byte(this.#end - 1);
    this.#reserve(size, start);
    this.#startRange(at);
    this.#decodeInto(this.#size + size);
    return this.#end;
  }

  #setProperties(byte: number): void {
    if (byte >= 225) throw new FormatError(0, 'xz: bad properties', byte);
    this.#lc = byte % 9;
    this.#lp = Math.floor(byte / 9) % 5;
    this.#pb = Math.floor(byte / 45);
    if (this.#lc + this.#lp > 4) throw new FormatError(0, 'xz: bad properties', byte);
    this.#hasProperties = true;
  }

  #resetState(): void {
    this.#model = newModel(this.#lc + this.#lp);
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
  }

  #startRange(at: number): void {
    this.#range = 0xffffffff;
    this.#code = 0;
    this.#at = at + 1;
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #next(): number {
    if (this.#at >= this.#end) throw new FormatError(this.#at, 'xz: chunk is truncated');
    return this.#input[this.#at++]!;
  }

  #normalize(): void {
    if (this.#range >= TOP) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  #bit(model: Uint16Array, index: number): number {
    const probability = model[index]!;
    const bound = (this.#range >>> 11) * probability;
    let bit = 0;
    if (this.#code < bound) {
      this.#range = bound;
      model[index] = probability + ((2048 - probability) >> 5);
    } else {
      this.#range -= bound;
      this.#code -= bound;
      model[index] = probability - (probability >> 5);
      bit = 1;
    }
    this.#normalize();
    return bit;
  }

  #directBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#range = this.#range >>> 1;
      const bit = this.#code >= this.#range ? 1 : 0;
      if (bit === 1) this.#code -= this.#range;
      this.#normalize();
      value = value * 2 + bit;
    }
    return value;
  }

  #tree(model: Uint16Array, base: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.#bit(model, base + node);
    return node - (1 << bits);
  }

  #reverseTree(model: Uint16Array, base: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(model, base + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #length(model: LengthModel, posState: number): number {
    if (this.#bit(model.choice, 0) === 0) return this.#tree(model.low, posState << 3, 3);
    if (this.#bit(model.choice, 1) === 0) return 8 + this.#tree(model.middle, posState << 3, 3);
    return 16 + this.#tree(model.high, 0, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(this.#model.slot, Math.min(length, 3) << 6, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#reverseTree(this.#model.special, base - slot, bits);
    return base + this.#directBits(bits - 4) * 16 + this.#reverseTree(this.#model.align, 0, 4);
  }

  #decodeInto(target: number): void {
    while (this.#size < target) {
      const posState = (this.#size - this.#dictionaryStart) & ((1 << this.#pb) - 1);
      const at = this.#state * POS_STATES_MAX + posState;
      if (this.#bit(this.#model.isMatch, at) === 0) this.#literal();
      else this.#match(posState, at, target);
    }
  }

  #literal(): void {
    const out = this.#out;
    const position = this.#size - this.#dictionaryStart;
    const previous = position > 0 ? out[this.#size - 1]! : 0;
    const context = ((position & ((1 << this.#lp) - 1)) << this.#lc) + (previous >> (8 - this.#lc));
    const base = 0x300 * context;
    let symbol = 1;
    if (this.#state >= 7) {
      let match = out[this.#source(this.#reps[0])]!;
      while (symbol < 0x100) {
        const expected = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(this.#model.literal, base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== expected) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#model.literal, base + symbol);
    out[this.#size++] = symbol & 0xff;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  /** Where a distance leads; throws FormatError before the dictionary's start. */
  #source(distance: number): number {
    const from = this.#size - distance - 1;
    if (from >= this.#dictionaryStart) return from;
    throw new FormatError(this.#at, 'xz: distance before the start', distance);
  }

  #match(posState: number, at: number, target: number): void {
    const model = this.#model;
    const state = this.#state;
    let length: number;
    if (this.#bit(model.isRep, state) === 0) {
      length = this.#length(model.length, posState);
      const distance = this.#distance(length);
      if (distance === END_OF_MATCHES) throw new FormatError(this.#at, 'xz: end inside a chunk');
      this.#reps = [distance, this.#reps[0], this.#reps[1], this.#reps[2]];
      this.#state = state < 7 ? 7 : 10;
    } else if (this.#repeated(state, at)) {
      this.#out[this.#size] = this.#out[this.#source(this.#reps[0])]!;
      this.#size++;
      this.#state = state < 7 ? 9 : 11;
      return;
    } else {
      length = this.#length(model.repLength, posState);
      this.#state = state < 7 ? 8 : 11;
    }
    const from = this.#source(this.#reps[0]);
    const count = length + MATCH_MIN;
    if (this.#size + count > target) throw new FormatError(this.#at, 'xz: match leaves its chunk');
    for (let i = 0; i < count; i++) this.#out[this.#size++] = this.#out[from + i]!;
  }

  /** Chooses a distance that was used before; true for a match of a single byte. */
  #repeated(state: number, at: number): boolean {
    const model = this.#model;
    const [a, b, c, d] = this.#reps;
    if (this.#bit(model.isRepG0, state) === 0) return this.#bit(model.isRep0Long, at) === 0;
    if (this.#bit(model.isRepG1, state) === 0) this.#reps = [b, a, c, d];
    else if (this.#bit(model.isRepG2, state) === 0) this.#reps = [c, a, b, d];
    else this.#reps = [d, a, b, c];
    return false;
  }
}
