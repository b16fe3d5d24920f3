/** Asking the server: JSON by a route, bytes of a file, and a hook that keeps the answer while its question stays. */
import { useEffect, useState } from 'preact/hooks'

export async function ask<T>(route: string): Promise<T> {
  const response = await fetch(`/api/${route}`)
  const answer = await response.json().catch(() => ({ error: response.statusText }))
  if (!response.ok) throw new Error((answer as { error: string }).error)
  return answer as T
}

interface Answer<T> {
  readonly value: T | null
  readonly error: string | null
  readonly busy: boolean
}

/** The answer to `route`, asked anew when `version` changes; the last one stays until the next has come. */
export function useAnswer<T>(route: string | null, version: number): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { readonly route: string | null }>({
    value: null,
    error: null,
    busy: true,
    route: null,
  })
  useEffect(() => {
    if (route === null) return
    let isWanted = true
    ask<T>(route).then(
      (value) => isWanted && setAnswer({ value, error: null, busy: false, route }),
      (error: Error) => isWanted && setAnswer({ value: null, error: error.message, busy: false, route }),
    )
    return () => {
      isWanted = false
    }
  }, [route, version])
  return answer.route === route ? answer : { value: answer.value, error: null, busy: true }
}

export interface Bytes {
  readonly bytes: Uint8Array
  /** Of the whole file. */
  readonly size: number
}

/** Bytes of a file in a layer; `path` as routes have it. */
export async function askBytes(path: string, layer: number, limit: number): Promise<Bytes> {
  const response = await fetch(`/api/content?path=${path}&layer=${layer}&limit=${limit}`)
  if (!response.ok) throw new Error(((await response.json()) as { error: string }).error)
  const bytes = new Uint8Array(await response.arrayBuffer())
  return { bytes, size: Number(response.headers.get('X-Size')) }
}
