/** How names of C++ and Rust are shortened where a sentence or a column has no room for them. */
import t from 'tap';
import { callerOf, withoutArguments, withoutTemplates } from './stack-names.js';

t.test('arguments and templates become dots; operators and namespaces stay', async t => {
  const names: Readonly<Record<string, string>> = {
    'ns::Table<int, std::vector<int> >::insert(int, void (*)(int)) const':
      'ns::Table<…>::insert(…)',
    '(anonymous namespace)::local(int) [clone .isra.0]': '(anonymous namespace)::local(…)',
    'Order::operator()(int)': 'Order::operator()(…)',
    'bool operator< <int>(Box<int> const&)': 'bool operator< <…>(…)',
    '<std::path::PathBuf>::new': '<std::path::PathBuf>::new',
    'core::fmt::Formatter::pad': 'core::fmt::Formatter::pad',
    'broken<name(': 'broken<name(',
  };
  for (const [name, short] of Object.entries(names)) {
    t.equal(withoutTemplates(withoutArguments(name)), short);
  }
});

t.test(
  'a sentence names a long C++ function without its arguments, a long C one whole',
  async t => {
    const name = `ns::f(${'int, '.repeat(20)}int)`;
    const frame = { function: name, module: '/srv/app', kind: 'c', inlined: false } as const;
    t.equal(callerOf([{ ...frame, symbol: '_ZN2ns1fE' }]), 'ns::f(…)');
    t.equal(callerOf([frame]), name);
  },
);
