/** Numbers as a person reads them. */
import t from 'tap';
import { formatBytes, formatCount, formatDuration, formatRate, formatShare } from './quantity.js';

t.test('bytes in binary units with three digits', async t => {
  t.same(
    [0, 999, 1024, 1536, 10 * 1024, 1_048_000, 1024 ** 2, 123.4 * 1024 ** 2, -2048].map(
      formatBytes,
    ),
    ['0 B', '999 B', '1 KiB', '1.5 KiB', '10 KiB', '1023 KiB', '1 MiB', '123 MiB', '-2 KiB'],
  );
  t.equal(formatRate(1024 * 1024 * 1.234), '1.23 MiB/s');
});

t.test('durations, shares and counts', async t => {
  t.same([20e9, 1.5e9, 340e6, 12_300, 999, 200e9, 120e9].map(formatDuration), [
    '20 s',
    '1.5 s',
    '340 ms',
    '12.3 µs',
    '999 ns',
    '3 min 20 s',
    '2 min',
  ]);
  t.same([0, 0.0004, 0.0123, 0.5, 1].map(formatShare), [
    '0 %',
    '< 0.1 %',
    '1.2 %',
    '50 %',
    '100 %',
  ]);
  t.same([12, 1234, 1234567].map(formatCount), ['12', '1 234', '1 234 567']);
});
