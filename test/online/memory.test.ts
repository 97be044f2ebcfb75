import { MemoryStore } from '../../src/online/index.ts'
import { storeConformance } from './conformance.ts'

storeConformance('memory', async () => new MemoryStore())
