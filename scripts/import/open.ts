/** Opens files of any format. */
import type { Wanted } from './columns.ts'
import { openCsv } from './csv-file.ts'
import type { SourceFile } from './files.ts'
import { openNdjson } from './ndjson-file.ts'
import type { OpenFile } from './row.ts'

/** Opens a file: what is wrong with all of it is told here. DuckDB is loaded when a file wants it. */
export async function openFile(file: SourceFile, wanted: Wanted): Promise<OpenFile> {
  if (file.format === 'csv') return await openCsv(file, wanted)
  if (file.format === 'ndjson') return await openNdjson(file, wanted)
  const { openParquet } = await import('./parquet-file.ts')
  return await openParquet(file, wanted)
}
