/**
 * What is changed in a piece of source: Stryker's default mutators, and numbers one more and one less. Each takes a node and
 * its parent and gives edits, which say nothing of files.
 */
import { childOf, childrenOf, isNode, type Node, nameOf } from './syntax.ts'

/** `[start, end)` of the source becomes `text`. */
export interface Edit {
  readonly mutator: string
  readonly start: number
  readonly end: number
  readonly text: string
}

type Mutator = (node: Node, parent: Node | undefined, source: string) => Edit[]

/** All edits of one node by itself, not of what is in it. */
export function editsOf(node: Node, parent: Node | undefined, source: string): Edit[] {
  return (mutators[node.type] ?? []).flatMap((mutator) => mutator(node, parent, source))
}

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '==': ['!='],
  '!=': ['=='],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
}

const COMPARISONS = ['<', '<=', '>', '>=', '===', '!==', '==', '!=']

const MATH: ReadonlyMap<string, string | null> = new Map([
  ['min', 'max'],
  ['max', 'min'],
  ['floor', 'ceil'],
  ['ceil', 'floor'],
  ['round', 'floor'],
  ['trunc', 'ceil'],
])

/** A method, and what stands in for it; null takes the call away: `x.sort(f)` becomes `x`. */
const METHODS: ReadonlyMap<string, string | null> = new Map([
  ...bothWays('some', 'every'),
  ...bothWays('startsWith', 'endsWith'),
  ...bothWays('indexOf', 'lastIndexOf'),
  ...bothWays('find', 'findLast'),
  ...bothWays('findIndex', 'findLastIndex'),
  ...bothWays('push', 'unshift'),
  ...bothWays('pop', 'shift'),
  ...bothWays('padStart', 'padEnd'),
  ...bothWays('toUpperCase', 'toLowerCase'),
  ...['slice', 'filter', 'sort', 'toSorted', 'reverse', 'toReversed', 'concat', 'trim'].map(
    (name) => [name, null] as const,
  ),
])

function bothWays(a: string, b: string): [string, string][] {
  return [
    [a, b],
    [b, a],
  ]
}

function edit(mutator: string, { start, end }: { start: number; end: number }, text: string): Edit {
  return { mutator, start, end, text }
}

const conditions: Mutator = (node) => {
  const test = node.test
  if (!isNode(test) || test.type === 'Literal') return []
  // A loop that never ends tells nothing: it is killed by the clock.
  const isLoop = !['IfStatement', 'ConditionalExpression'].includes(node.type)
  return (isLoop ? ['false'] : ['true', 'false']).map((text) => edit('condition', test, text))
}

const binary: Mutator = (node, parent, source) => {
  const [left, right] = [childOf(node, 'left'), childOf(node, 'right')]
  const operator = String(node.operator)
  if (operator === '+' && (isText(left) || isText(right))) return []
  const at = source.indexOf(operator, left.end)
  const place = { start: at, end: at + operator.length }
  const kind = COMPARISONS.includes(operator) ? 'comparison' : 'arithmetic'
  const swaps = (OPERATORS[operator] ?? []).map((text) => edit(kind, place, text))
  if (kind === 'arithmetic' || parent?.test === node) return swaps
  return [...swaps, edit('condition', node, 'true'), edit('condition', node, 'false')]
}

const logical: Mutator = (node, _, source) => {
  const operator = String(node.operator)
  const [left, right] = [childOf(node, 'left'), childOf(node, 'right')]
  // In brackets: `a ?? b && c` is no JavaScript.
  const wrapped = (side: Node) => (side.type === 'LogicalExpression' ? `(${textOf(side)})` : textOf(side))
  const textOf = (side: Node) => source.slice(side.start, side.end)
  return (OPERATORS[operator] ?? []).map((swap) =>
    edit('logical', node, `(${wrapped(left)} ${swap} ${wrapped(right)})`),
  )
}

const assignment: Mutator = (node, _, source) => {
  const operator = String(node.operator)
  if (operator === '=' || (operator === '+=' && isText(childOf(node, 'right')))) return []
  const at = source.indexOf(operator, childOf(node, 'left').end)
  const place = { start: at, end: at + operator.length }
  return (OPERATORS[operator.slice(0, -1)] ?? []).map((swap) => edit('arithmetic', place, `${swap}=`))
}

const unary: Mutator = (node, _, source) => {
  if (!['-', '!', '~'].includes(String(node.operator))) return []
  const argument = childOf(node, 'argument')
  return [edit('unary', node, source.slice(argument.start, argument.end))]
}

const update: Mutator = (node, _, source) => {
  const operator = String(node.operator)
  const start = node.prefix ? node.start : node.end - operator.length
  const swap = operator === '++' ? '--' : '++'
  return source.startsWith(operator, start) ? [edit('update', { start, end: start + operator.length }, swap)] : []
}

const literal: Mutator = (node, parent) => {
  if ((parent?.key === node && !parent.computed) || parent?.source === node) return []
  if (typeof node.value === 'boolean') return [edit('literal', node, String(!node.value))]
  if (typeof node.bigint === 'string') return oneMoreAndLess(node, parent, BigInt(node.bigint), 'n')
  if (typeof node.value === 'number') return oneMoreAndLess(node, parent, node.value, '')
  if (typeof node.value !== 'string' || parent?.type === 'ExpressionStatement') return []
  // Comparing with no text is never true: that is the mutant of the comparison.
  if (parent?.type === 'BinaryExpression' && COMPARISONS.includes(String(parent.operator))) return []
  return [edit('text', node, node.value === '' ? "'mutant'" : "''")]
}

function oneMoreAndLess(node: Node, parent: Node | undefined, value: number | bigint, suffix: string): Edit[] {
  const [less, more] = typeof value === 'bigint' ? [value - 1n, value + 1n] : [value - 1, value + 1]
  const edits = [
    edit('number', node, `${more}${suffix}`),
    edit('number', node, less < 0 ? `(${less}${suffix})` : `${less}${suffix}`),
  ]
  if (parent?.type !== 'BinaryExpression' || parent.right !== node) return edits
  // Of whole numbers `< 5` with one more is `<= 5`, which is a mutant already.
  if (parent.operator === '<' || parent.operator === '>=') return edits.slice(1)
  return parent.operator === '<=' || parent.operator === '>' ? edits.slice(0, 1) : edits
}

const template: Mutator = (node, parent) =>
  parent?.type === 'TaggedTemplateExpression' || childrenOf(node, 'quasis').length === 0
    ? []
    : [edit('text', node, "''")]

const emptied =
  (list: string, text: string): Mutator =>
  (node) =>
    childrenOf(node, list).length === 0 ? [] : [edit('emptied', node, text)]

const block: Mutator = (node, parent) => {
  const body = childrenOf(node, 'body')
  const isThen = parent?.type === 'IfStatement' && parent.consequent === node && !parent.alternate
  // The same as taking out its one statement, or as a condition that is never true.
  if (isThen || body.length === 0 || (body.length === 1 && isRemovable(body[0]))) return []
  return [edit('emptied', node, '{}')]
}

const statement: Mutator = (node, parent) => {
  const isThen = parent?.type === 'IfStatement' && parent.consequent === node && !parent.alternate
  return isThen || !isRemovable(node) ? [] : [edit('removed', node, ';')]
}

function isRemovable(node: Node | undefined): boolean {
  if (node === undefined) return false
  if (node.type !== 'ExpressionStatement') return ['BreakStatement', 'ContinueStatement'].includes(node.type)
  const { expression, directive } = node
  const isSuper = isNode(expression) && isNode(expression.callee) && expression.callee.type === 'Super'
  return !isSuper && typeof directive !== 'string'
}

const switchCase: Mutator = (node) => {
  const body = childrenOf(node, 'consequent')
  const [first, last] = [body[0], body.at(-1)]
  if (first === undefined || last === undefined) return []
  return [edit('emptied', { start: first.start, end: last.end }, '')]
}

const arrow: Mutator = (node) => {
  const body = childOf(node, 'body')
  return body.type === 'BlockStatement' ? [] : [edit('emptied', body, 'undefined')]
}

const optional: Mutator = (node, _, source) => {
  if (node.optional !== true) return []
  const inner = childOf(node, node.type === 'CallExpression' ? 'callee' : 'object')
  const start = source.indexOf('?.', inner.end)
  const keepsDot = node.type === 'MemberExpression' && !node.computed
  return [edit('optional', { start, end: start + 2 }, keepsDot ? '.' : '')]
}

const method: Mutator = (node, _, source) => {
  const callee = childOf(node, 'callee')
  if (callee.type !== 'MemberExpression' || callee.computed) return []
  const property = childOf(callee, 'property')
  const object = childOf(callee, 'object')
  const methods = nameOf(object) === 'Math' ? MATH : METHODS
  const swap = methods.get(nameOf(property) ?? '')
  if (swap === undefined) return []
  return [swap === null ? edit('method', node, source.slice(object.start, object.end)) : edit('method', property, swap)]
}

function isText({ type, value }: Node): boolean {
  return type === 'TemplateLiteral' || (type === 'Literal' && typeof value === 'string')
}

const mutators: Readonly<Record<string, readonly Mutator[]>> = {
  IfStatement: [conditions],
  ConditionalExpression: [conditions],
  WhileStatement: [conditions],
  DoWhileStatement: [conditions],
  ForStatement: [conditions],
  BinaryExpression: [binary],
  LogicalExpression: [logical],
  AssignmentExpression: [assignment],
  UnaryExpression: [unary],
  UpdateExpression: [update],
  Literal: [literal],
  TemplateLiteral: [template],
  ArrayExpression: [emptied('elements', '[]')],
  ObjectExpression: [emptied('properties', '{}')],
  BlockStatement: [block],
  ExpressionStatement: [statement],
  BreakStatement: [statement],
  ContinueStatement: [statement],
  SwitchCase: [switchCase],
  ArrowFunctionExpression: [arrow],
  MemberExpression: [optional],
  CallExpression: [optional, method],
}
