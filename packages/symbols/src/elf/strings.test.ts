/**
 * Names of string tables, one by one and by whole table. The fact that is easy to get wrong: both
 * must give the same text, and Go's names are UTF-8.
 */
import t from 'tap';
import { cString, stringsOf } from './elf-image.js';

t.test('a table read at once gives the names that are read one by one', async t => {
  const names = ['', 'main.main', 'main.größe·f', 'runtime.gopark', 'main.名前', 'last'];
  const table = Buffer.from(names.join('\0'));
  const nameAt = stringsOf(table);
  for (let offset = 0; offset <= table.length + 1; offset++) {
    t.equal(nameAt(offset), cString(table, offset), `at ${offset}`);
  }
  const offset = table.indexOf('main.gr');
  t.equal(nameAt(offset), 'main.größe·f', 'names beyond ASCII are whole');
});

t.test('a table that is a part of a buffer has its own offsets', async t => {
  const table = Buffer.from('skip\0this\0name\0').subarray(5);
  t.equal(stringsOf(table)(5), 'name');
});
