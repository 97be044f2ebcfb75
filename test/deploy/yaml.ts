/**
 * The little of YAML that the workflows are written in: maps, lists, plain, quoted and literal (`|`) texts, lists in brackets.
 * Throws for anything else, with its line: what this cannot read is to be written more plainly.
 */
export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml }

interface Line {
  readonly number: number
  readonly indent: number
  readonly text: string
}

export function parseYaml(text: string): Yaml {
  if (text.includes('\t')) throw new Error('a tab')
  const raw = text.split('\n')
  const lines: Line[] = []
  raw.forEach((whole, i) => {
    const line = whole.replace(/(^|\s)#.*$/, '')
    if (line.trim() !== '') lines.push({ number: i + 1, indent: line.search(/\S/), text: line.trim() })
  })
  let at = 0

  const block = (indent: number): Yaml => {
    const first = lines[at]
    if (first === undefined || first.indent < indent) return ''
    return first.text.startsWith('- ') ? list(first.indent) : map(first.indent)
  }

  const list = (indent: number): Yaml[] => {
    const items: Yaml[] = []
    for (let line = lines[at]; line?.indent === indent && line.text.startsWith('- '); line = lines[at]) {
      // What follows the dash is a line of its own, two deeper.
      lines[at] = { ...line, indent: indent + 2, text: line.text.slice(2) }
      items.push(
        /^[\w-]+:( |$)/.test(line.text.slice(2)) ? map(indent + 2) : scalar(lines[at++]?.text ?? '', line.number),
      )
    }
    return items
  }

  const map = (indent: number): Yaml => {
    const members: Record<string, Yaml> = {}
    for (let line = lines[at]; line?.indent === indent; line = lines[at]) {
      const found = /^([\w-]+):(?: (.*))?$/.exec(line.text)
      if (found === null) throw new Error(`line ${line.number} is no member: ${line.text}`)
      const [, key = '', value] = found
      if (key in members) throw new Error(`line ${line.number}: ${key} is there twice`)
      at++
      if (value === '|') members[key] = literal(line)
      else if (value === undefined) members[key] = (lines[at]?.indent ?? -1) > indent ? block(indent + 1) : ''
      else members[key] = scalar(value, line.number)
    }
    const next = lines[at]
    if (next !== undefined && next.indent > indent) throw new Error(`line ${next.number} is indented too far`)
    return members
  }

  /** The lines as they stand, with their comments: a shell has some too. */
  const literal = ({ indent, number }: Line): string => {
    const body: string[] = []
    let row = number
    for (; row < raw.length; row++) {
      const line = raw[row] ?? ''
      if (line.trim() !== '' && line.search(/\S/) <= indent) break
      body.push(line.trim())
    }
    while ((lines[at]?.number ?? Number.POSITIVE_INFINITY) <= row) at++
    return body.join('\n').trim()
  }

  const found = block(0)
  const left = lines[at]
  if (left !== undefined) throw new Error(`line ${left.number} belongs to nothing: ${left.text}`)
  return found
}

function scalar(text: string, line: number): Yaml {
  if (/^\[.*\]$/.test(text))
    return text
      .slice(1, -1)
      .split(',')
      .map((item) => item.trim())
  const quoted = /^'([^']*)'$/.exec(text) ?? /^"([^"\\]*)"$/.exec(text)
  if (quoted !== null) return quoted[1] ?? ''
  if (/^[[{&*!|>%@`'"]/.test(text) || text.includes(': ')) throw new Error(`line ${line}: write ${text} more plainly`)
  return text
}
