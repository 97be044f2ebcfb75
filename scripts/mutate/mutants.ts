/** The mutants of a file: what its mutators give, but for what is not to be tested, each with a name that outlives moved lines. */
import { lineAt } from '../lib/source-text.ts'
import { type Edit, editsOf } from './mutators.ts'
import { childOf, isNode, type Node, nameOf, parse, runtimeChildren } from './syntax.ts'

export interface Mutant extends Edit {
  /** From the repository's root, with `/`. */
  readonly file: string
  /** One-based. */
  readonly line: number
  /** The function or constant that it is in: `TileLevel.place`; empty at the file's own level. */
  readonly in: string
  /** The source line. */
  readonly code: string
  /** The changed part of the source before and after, on one line. */
  readonly from: string
  readonly to: string
  /** Which of those that are otherwise the same, from 1. */
  readonly nth: number
}

/** What names a mutant, wherever its line has moved to. */
export function keyOf({ file, in: within, code, from, to, nth }: Named): string {
  return JSON.stringify([file, within, code, from, to, nth ?? 1])
}

export type Named = Pick<Mutant, 'file' | 'in' | 'code' | 'from' | 'to'> & { readonly nth?: number }

/** The source with the mutant in it. */
export function mutated(source: string, { start, end, text }: Edit): string {
  return source.slice(0, start) + text + source.slice(end)
}

/** All mutants of a file, in the order of its text. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const lines = source.split('\n')
  const seen = new Map<string, number>()
  const mutants: Mutant[] = []
  visit(parse(source), undefined, '')
  return mutants

  function visit(node: Node, parent: Node | undefined, within: string): void {
    if (isSkipped(node)) return
    const inside = [within, nameOfScope(node)].filter((name) => name).join('.')
    const edits = isForPeople(node, parent) ? [] : editsOf(node, parent, source)
    for (const edit of edits) add(edit, shownPart(node, edit), inside)
    for (const child of runtimeChildren(node)) visit(child, node, inside)
  }

  function add(edit: Edit, shown: { start: number; end: number }, within: string): void {
    const line = lineAt(source, edit.start)
    const from = onOneLine(source.slice(shown.start, shown.end))
    const to = onOneLine(source.slice(shown.start, edit.start) + edit.text + source.slice(edit.end, shown.end))
    const named = { file, in: within, code: (lines[line - 1] ?? '').trim(), from, to }
    const nth = (seen.get(keyOf(named)) ?? 0) + 1
    seen.set(keyOf(named), nth)
    mutants.push({ ...edit, ...named, line, nth })
  }
}

/** An operator alone says little: the expression it stands in is shown with it. */
function shownPart(node: Node, edit: Edit): { start: number; end: number } {
  return edit.mutator === 'condition'
    ? edit
    : { start: Math.min(node.start, edit.start), end: Math.max(node.end, edit.end) }
}

const LONGEST_SHOWN = 120

function onOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}...` : line
}

/** Naive definitions are the oracle, `doc` is for people, and what a bug's alarm says is no behaviour. */
function isSkipped(node: Node): boolean {
  if (node.type === 'ThrowStatement') return true
  if (node.type === 'NewExpression') return /Error$/.test(nameOf(node.callee) ?? '')
  const name = declaredName(node)
  return name !== undefined && (name === 'doc' || /^naive/.test(name))
}

/** A sentence, not a name: in errors as values, and where a text is said to have no meaning but for its reader. */
function isForPeople(node: Node, parent: Node | undefined): boolean {
  if (node.type === 'TemplateLiteral' || node.type === 'Literal') {
    if (parent?.type === 'Property' && nameOf(parent.key) === 'error' && /\s/.test(textIn(node))) return true
    return textIn(node).split(' ').length > 3
  }
  return false
}

function textIn(node: Node): string {
  if (typeof node.value === 'string') return node.value
  const quasis = Array.isArray(node.quasis) ? node.quasis.filter(isNode) : []
  return quasis.map(({ value }) => (value as { raw: string }).raw).join('x')
}

function declaredName(node: Node): string | undefined {
  if (node.type === 'FunctionDeclaration' || node.type === 'VariableDeclarator') return nameOf(node.id)
  if (['Property', 'MethodDefinition', 'PropertyDefinition'].includes(node.type)) return nameOf(node.key)
  return undefined
}

/** The name that a function, class or constant of the file's own level adds to the place of what is in it. */
function nameOfScope(node: Node): string | undefined {
  if (['FunctionDeclaration', 'ClassDeclaration'].includes(node.type)) return nameOf(node.id)
  if (node.type === 'MethodDefinition') return nameOf(node.key)
  if (node.type === 'VariableDeclarator')
    return isNode(node.init) && isFunction(node.init) ? nameOf(node.id) : undefined
  return node.type === 'Property' && isFunction(childOf(node, 'value')) ? nameOf(node.key) : undefined
}

function isFunction({ type }: Node): boolean {
  return type === 'ArrowFunctionExpression' || type === 'FunctionExpression'
}
