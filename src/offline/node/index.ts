export { FileObjects } from './file-objects.ts'
