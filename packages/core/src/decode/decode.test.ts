/**
 * What generated decoders stand on: length checks, exact integers, JSON that never rounds.
 */
import t from 'tap';
import {
  checkBytes,
  checkIndex,
  checkLength,
  checkRecord,
  enumName,
  enumNames,
  exactNumber,
  jsonWords,
  readArray,
  readBytes,
  readS64,
  readSignedWideBits,
  readString,
  readU64,
  readWideBits,
  signedBits,
  toJson,
  unsignedBits,
} from './index.js';

/** A view over these bytes. */
function viewOf(...bytes: number[]): DataView {
  return new DataView(Uint8Array.from(bytes).buffer);
}

function wide(value: bigint): DataView {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, value), true);
  return view;
}

t.test('a record is checked against the memory and against its own header', async t => {
  const record = new DataView(new ArrayBuffer(24));
  record.setUint32(4, 24, true);
  t.doesNotThrow(() => checkRecord(record, 0, 24, 'x'));
  t.throws(() => checkRecord(record, 1, 24, 'x'), {
    name: 'RangeError',
    message: 'decode x: 24 bytes at 1 end after the 24 bytes given',
  });
  t.throws(() => checkRecord(record, 0, 16, 'x'), {
    message: 'decode x: record of 24 bytes, expected 16',
  });
  t.throws(() => checkBytes(record, -1, 1, 'x'), RangeError);
  t.throws(() => checkBytes(record, Number.NaN, 1, 'x'), RangeError);
  t.throws(() => checkLength(3, 2, 'x'), {
    message: 'decode x: length 3 is above the maximum of 2',
  });
  t.throws(() => checkIndex(2, 2, 'x'), { message: 'read x: index 2 is outside 0 … 1' });
  t.throws(() => checkIndex(0.5, 2, 'x'), RangeError);
});

t.test('64 bits are a number only where that is exact', async t => {
  const most = 2n ** 53n - 1n;
  t.equal(readU64(wide(most), 0), Number.MAX_SAFE_INTEGER);
  t.throws(() => readU64(wide(most + 1n), 0), /9007199254740992 is above 2\^53/);
  t.throws(() => readU64(wide(2n ** 64n - 1n), 0), RangeError);
  t.equal(readS64(wide(-most), 0), Number.MIN_SAFE_INTEGER);
  t.throws(() => readS64(wide(-most - 1n), 0), /-9007199254740992 is beyond/);
  t.equal(readS64(wide(-1n), 0), -1);
  t.equal(exactNumber(-5n, 'x'), -5);
  t.throws(() => exactNumber(most + 1n, 'x'), RangeError);
});

t.test('bit-fields at the edges of their units', async t => {
  t.equal(unsignedBits(0xffffffff, 0, 32), 0xffffffff);
  t.equal(signedBits(0xffffffff, 0, 32), -1);
  t.equal(unsignedBits(0x80000000, 31, 1), 1);
  t.equal(signedBits(0x80000000, 31, 1), -1);
  t.equal(signedBits(0b0100, 0, 3), -4);
  const view = wide(0xfedcba9876543210n);
  t.equal(readWideBits(view, 0, 28, 8), 0x87n);
  t.equal(readSignedWideBits(view, 0, 28, 8), -0x79n);
  t.equal(readWideBits(view, 0, 0, 64), 0xfedcba9876543210n);
  t.equal(readSignedWideBits(view, 0, 63, 1), -1n);
});

t.test('text ends at the first NUL or at its field', async t => {
  t.equal(readString(viewOf(0x61, 0x62, 0, 0x63), 0, 4), 'ab');
  t.equal(readString(viewOf(0x61, 0x62), 0, 2), 'ab');
  t.equal(readString(viewOf(0xff), 0, 1), '\ufffd');
});

t.test('bytes are copies', async t => {
  const view = viewOf(1, 2, 3);
  const copy = readBytes(view, 1, 2);
  view.setUint8(1, 9);
  t.strictSame([...copy], [2, 3]);
  t.strictSame(
    readArray(view, 0, 3, 1, (item, at) => item.getUint8(at)),
    [1, 9, 3],
  );
});

t.test('an enum refuses a number that it does not have', async t => {
  const names = enumNames({ malloc: 0, free: 9 });
  t.equal(enumName(names, 9, 'x'), 'free');
  t.throws(() => enumName(names, 1, 'x'), { message: 'decode x: 1 is none of malloc, free' });
});

t.test('JSON never rounds', async t => {
  t.equal(toJson(2n ** 63n, 'address'), '0x8000000000000000');
  t.equal(toJson(2n ** 63n, 'ktimeNs'), '9223372036854775808');
  t.strictSame(toJson({ a: [1n], b: Uint8Array.of(1, 255), c: undefined }), {
    a: ['1'],
    b: '01ff',
    c: null,
  });
  const low = Uint32Array.of(5, 0);
  const high = Uint32Array.of(0, 0x80000000);
  t.strictSame(jsonWords(low, high, 2, 'bytes'), [5, '9223372036854775808']);
  t.strictSame(jsonWords(low, Int32Array.of(-1), 1, 'none'), [-4294967291]);
  t.strictSame(jsonWords(low, high, 1, 'stackId'), ['0x5']);
  t.throws(() => toJson(Symbol('x')), TypeError);
});
