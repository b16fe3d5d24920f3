/**
 * An answer is one write. gRPC ends a call only when its message has been written, which is a second turn of the event
 * loop and a second write, and the caller waits for both. Where the answer is one message, its end can follow at once.
 */
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js'

/** For a server's `interceptors`. */
export const wholeAnswers: ServerInterceptor = ({ responseStream }, call) => {
  const own = call as ServerInterceptingCall
  if (responseStream) return own
  const send = call.sendMessage.bind(call)
  call.sendMessage = (message, sent) => {
    send(message, () => {})
    sent()
  }
  return own
}
