/** containerd's own services, as the differ calls them: on behalf of whoever called it, in the same namespace. */
import { type Client, type ClientDuplexStream, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js'
import type { Caller } from '../wire/handlers.js'
import { serviceOf } from '../wire/protos.js'

/** As many bytes as containerd puts into a message at most. */
const LONGEST_MESSAGE = 16 << 20

type Service = Client & Record<string, (...words: unknown[]) => unknown>

export class Containerd {
  readonly #services = new Map<string, Service>()

  /** `socket`: its unix socket; text. Connected to when it is first asked. */
  constructor(private readonly socket: string) {}

  #service(name: string): Service {
    const known = this.#services.get(name)
    if (known !== undefined) return known
    const options = { 'grpc.max_receive_message_length': LONGEST_MESSAGE }
    const made = new (serviceOf(name))(`unix:${this.socket}`, credentials.createInsecure(), options)
    this.#services.set(name, made as unknown as Service)
    return made as unknown as Service
  }

  /** One question, one answer. Rejects with what containerd says. */
  ask<T>(service: string, method: string, request: object, caller: Caller): Promise<T> {
    const client = this.#service(service)
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, answer: T) => (error === null ? resolve(answer) : reject(error))
      client[method]!.call(client, request, metadataOf(caller), done)
    })
  }

  /** One question, answers one by one. */
  read<T>(service: string, method: string, request: object, caller: Caller): AsyncIterable<T> {
    const client = this.#service(service)
    return client[method]!.call(client, request, metadataOf(caller)) as ClientReadableStream<T>
  }

  /** Questions and answers in turn. */
  talk<Q, A>(service: string, method: string, caller: Caller): ClientDuplexStream<Q, A> {
    const client = this.#service(service)
    return client[method]!.call(client, metadataOf(caller)) as ClientDuplexStream<Q, A>
  }

  close(): void {
    for (const service of this.#services.values()) service.close()
  }
}

function metadataOf({ namespace, lease }: Caller): Metadata {
  const metadata = new Metadata()
  if (namespace !== '') metadata.set('containerd-namespace', namespace)
  if (lease !== '') metadata.set('containerd-lease', lease)
  return metadata
}
