/** What is used of a Workers KV namespace (`KVNamespace` of the runtime). */
export interface KvNamespace {
  /** At most 100 keys. */
  get(keys: string[], options: { readonly type: 'text' }): Promise<Map<string, string | null>>
  put(key: string, value: string): Promise<void>
}
