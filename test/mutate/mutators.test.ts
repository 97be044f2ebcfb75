import { describe, expect, test } from 'vitest'
import { mutantsOf, mutated } from '../../scripts/mutate/mutants.ts'

/** What a snippet becomes, mutant by mutant of one kind, or of all kinds. */
function become(source: string, ...mutators: string[]): string[] {
  return mutantsOf('x.ts', source)
    .filter(({ mutator }) => mutators.length === 0 || mutators.includes(mutator))
    .map((mutant) => mutated(source, mutant))
}

describe('each mutator', () => {
  test.each([
    ['a + b * c', ['a - b * c', 'a + b / c']],
    ['a % b', ['a * b']],
    ['a >>> b', ['a << b']],
    ['a += b', ['a -= b']],
    ['a <<= b', ['a >>= b']],
  ])('arithmetic: %s', (source, expected) => {
    expect(become(source, 'arithmetic')).toEqual(expected)
  })

  test.each([
    ['a < b', ['a <= b', 'a >= b']],
    ['a >= b', ['a > b', 'a < b']],
    ['a === b', ['a !== b']],
  ])('comparison: %s', (source, expected) => {
    expect(become(source, 'comparison')).toEqual(expected)
  })

  test.each([
    ['if (a < b) c()', ['if (true) c()', 'if (false) c()']],
    ['a ? b : c', ['true ? b : c', 'false ? b : c']],
    ['while (a) b()', ['while (false) b()']],
    ['for (; a; ) b()', ['for (; false; ) b()']],
    ['x = a < b', ['x = true', 'x = false']],
    ['if (true) b()', []],
  ])('condition: %s', (source, expected) => {
    expect(become(source, 'condition')).toEqual(expected)
  })

  test.each([
    ['a && b', ['(a || b)']],
    ['a ?? b', ['(a && b)']],
    ['a ?? b ?? c', ['((a ?? b) && c)', '(a && b) ?? c']],
    ['(a || b) ?? c', ['((a || b) && c)', '((a && b)) ?? c']],
  ])('logical: %s', (source, expected) => {
    expect(become(source, 'logical')).toEqual(expected)
  })

  test.each([
    ['-a', ['a']],
    ['!a', ['a']],
    ['~a', ['a']],
    ['typeof a', []],
  ])('unary: %s', (source, expected) => {
    expect(become(source, 'unary')).toEqual(expected)
  })

  test.each([
    ['a++', ['a--']],
    ['--a', ['++a']],
  ])('update: %s', (source, expected) => {
    expect(become(source, 'update')).toEqual(expected)
  })

  test.each([
    ['a = 5', ['a = 6', 'a = 4']],
    ['a = 0', ['a = 1', 'a = (-1)']],
    ['a = 10n', ['a = 11n', 'a = 9n']],
    // The other one is a mutant of the comparison.
    ['a < 5', ['a < 4']],
    ['a > 5', ['a > 6']],
    ['a = { 5: b }', []],
  ])('number: %s', (source, expected) => {
    expect(become(source, 'number')).toEqual(expected)
  })

  test.each([
    ["a = 'b'", ["a = ''"]],
    ["a = ''", ["a = 'mutant'"]],
    ['a = `b`', ["a = ''"]],
    ["a === 'b'", []],
    ["a = { 'b': c }", []],
  ])('text: %s', (source, expected) => {
    expect(become(source, 'text')).toEqual(expected)
  })

  test.each([['a = true', ['a = false']]])('literal: %s', (source, expected) => {
    expect(become(source, 'literal')).toEqual(expected)
  })

  test.each([
    ['function f() { a(); b() }', ['function f() {}']],
    ['for (const a of b) { c(); d() }', ['for (const a of b) {}']],
    // The same as a condition that is never true.
    ['if (a) { b(); c() }', []],
    ['a = [b]', ['a = []']],
    ['a = { b }', ['a = {}']],
    ['() => a', ['() => undefined']],
    ['switch (a) { case b: c() }', ['switch (a) { case b:  }']],
  ])('emptied: %s', (source, expected) => {
    expect(become(source, 'emptied')).toEqual(expected)
  })

  test.each([
    ['a()', [';']],
    ['for (;;) { break }', ['for (;;) { ; }']],
    ['if (a) b(); else c()', ['if (a) ; else c()', 'if (a) b(); else ;']],
    ['if (a) b()', []],
    ['class A extends B { constructor() { super() } }', []],
    ["'use strict'", []],
  ])('removed: %s', (source, expected) => {
    expect(become(source, 'removed').map((text) => text.replace(';;', ';'))).toEqual(
      expected.map((text) => text.replace(';;', ';')),
    )
  })

  test.each([
    ['a?.b', ['a.b']],
    ['a?.[b]', ['a[b]']],
    ['a?.(b)', ['a(b)']],
  ])('optional: %s', (source, expected) => {
    expect(become(source, 'optional')).toEqual(expected)
  })

  test.each([
    ['Math.min(a, b)', ['Math.max(a, b)']],
    ['cutter.floor(a)', []],
    ['a.sort(b).some(c)', ['a.sort(b).every(c)', 'a.some(c)']],
    ['a.slice(1)', ['a']],
    ['a.push(b)', ['a.unshift(b)']],
    ['a.valueOf()', []],
  ])('method: %s', (source, expected) => {
    expect(become(source, 'method')).toEqual(expected)
  })
})

describe('what is left as it is', () => {
  test.each([
    ["import { a } from 'b'"],
    ["export { a } from 'b'"],
    ["type A = 'b' | 5"],
    ["interface A { readonly b: 'c' }"],
    ['throw new Error(`a`, b + 1)'],
    ["x = new RangeError('a' + b)"],
    ['const naiveSum = (a) => a + 1'],
    ['const x = { naive: (a) => a + 1 }'],
  ])('%s', (source) => {
    const kept = become(source, 'text', 'number', 'arithmetic', 'literal')
    expect(kept).toEqual([])
  })

  test('a sentence is for people, a name is not', () => {
    expect(
      become("return_({ error: `no such` }, { kind: 'sum', error: 'cap' }, 'a sentence of many words')", 'text'),
    ).toEqual([
      "return_({ error: `no such` }, { kind: '', error: 'cap' }, 'a sentence of many words')",
      "return_({ error: `no such` }, { kind: 'sum', error: '' }, 'a sentence of many words')",
    ])
  })

  test('documentation and types around an expression', () => {
    expect(become("const a = { doc: { summary: 'x', n: 1 }, b: c as 5 }")).toEqual(['const a = {}'])
  })
})

describe('the name of a mutant', () => {
  const source = 'class A {\n  f(a) {\n    return a + 1\n  }\n}\nconst g = (b) => b + 1 + 1\n'

  test('says file, line, function, and what becomes of what', () => {
    const mutant = mutantsOf('x.ts', source).find(({ mutator }) => mutator === 'arithmetic')
    expect(mutant).toMatchObject({
      file: 'x.ts',
      line: 3,
      in: 'A.f',
      code: 'return a + 1',
      from: 'a + 1',
      to: 'a - 1',
      nth: 1,
    })
  })

  test('stays when lines move, and tells apart what is otherwise the same', () => {
    const named = (text: string) =>
      mutantsOf('x.ts', text).map(({ file, in: within, code, from, to, nth }) => ({
        file,
        within,
        code,
        from,
        to,
        nth,
      }))
    expect(named(`// moved\n\n${source}`)).toEqual(named(source))
    const ones = mutantsOf('x.ts', source).filter(({ in: within, to }) => within === 'g' && to === '2')
    expect(ones.map(({ nth }) => nth)).toEqual([1, 2])
  })
})
