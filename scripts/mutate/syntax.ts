/** The syntax tree of a TypeScript file, by the parser that Vitest already brings (oxc); offsets are UTF-16 units. */
import { parseAst } from 'vitest/node'

/** A node of ESTree with the TypeScript extensions; what else it has depends on its type. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export function parse(source: string): Node {
  return parseAst(source, { lang: 'ts' }) as unknown as Node
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** A child that the node's type promises. */
export function childOf(node: Node, key: string): Node {
  const child = node[key]
  if (!isNode(child)) throw new Error(`a ${node.type} has no ${key}`)
  return child
}

/** A list of children; empty when there is no such list. */
export function childrenOf(node: Node, key: string): Node[] {
  const children = node[key]
  return Array.isArray(children) ? children.filter(isNode) : []
}

/** Direct children that are there at run time, in the order of the text: no types, no names of imports. */
export function runtimeChildren(node: Node): Node[] {
  return Object.entries(node)
    .filter(([key]) => !TYPE_KEYS.has(key))
    .flatMap(([, value]) => (Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []))
    .filter(isRuntime)
    .sort((a, b) => a.start - b.start)
}

const TYPE_KEYS = new Set([
  'typeAnnotation',
  'returnType',
  'typeParameters',
  'typeArguments',
  'superTypeArguments',
  'implements',
])

/** `x as T` and alike wrap an expression; every other node of TypeScript's own is gone at run time. */
const WRAPPERS = ['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression', 'TSTypeAssertion']
const WITHOUT_CODE = ['ImportDeclaration', 'ExportAllDeclaration']

function isRuntime({ type }: Node): boolean {
  if (type.startsWith('TS')) return WRAPPERS.includes(type)
  return !WITHOUT_CODE.includes(type)
}

/** The name that an identifier, a private name or a string key has; undefined of anything computed. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') return String(node.name)
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}
