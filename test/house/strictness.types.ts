/** The compiler's settings, proven by planted mistakes: each line must be an error, or the `types` step fails. */

const list: string[] = []
// @ts-expect-error noUncheckedIndexedAccess: an element may be absent
export const first: string = list[0]

interface Options {
  readonly limit?: number
}
// @ts-expect-error exactOptionalPropertyTypes: absent is not undefined
export const options: Options = { limit: undefined }

// @ts-expect-error strict: a parameter needs a type
export const untyped = (value) => value

// @ts-expect-error erasableSyntaxOnly: Node runs the sources by stripping types, an enum cannot be stripped
export enum Colour {
  Red = 0,
}
