import { addressText, type Copy, writeCopy } from '../../src/online/index.ts'
import type { Plant } from './conformance.ts'

/** What lies at the place of a copy, in stores that keep texts. */
export function plantedText(what: Plant, copy: Copy): string {
  const text = writeCopy(copy)
  switch (what) {
    case 'foreign':
    case 'otherType':
      return '{"name": "somebody else"}'
    case 'newer':
      return text.replace('"format":1', '"format":2')
    case 'corrupt':
      return `${text.slice(0, -8)}${text.at(-8) === 'A' ? 'B' : 'A'}${text.slice(-7)}`
    case 'misplaced':
      return text.replace(addressText(copy.address), addressText({ ...copy.address, region: 'elsewhere' }))
  }
}
