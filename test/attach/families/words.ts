/** Shell words that several families use. */

/** `text` as one word of a shell line. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** What a container does to the base. */
export const CHANGES = `
echo new > /data/new; ln /data/new /data/new2; rm /data/plain; mv /data/owned /data/moved
rm -rf /data/deep; mkdir /data/deep; echo only > /data/deep/only
chown 9:10 /data/setuid; chmod 4711 /data/setuid; echo more >> /data/hard1; mkdir /made; ln -s data /made/link`

/** The same as `podman diff` and `docker diff` tell it. */
export const CHANGED = [
  'A /data/deep/only',
  'A /data/moved',
  'A /data/new',
  'A /data/new2',
  'A /made',
  'A /made/link',
  'C /data',
  'C /data/deep',
  'C /data/hard1',
  'C /data/hard2',
  'C /data/setuid',
  'D /data/deep/er',
  'D /data/deep/old',
  'D /data/owned',
  'D /data/plain',
]

/** Of a diff, the lines that are not about what runtimes put into every container. */
export const ownChanges = (diff: string): string[] =>
  diff
    .split('\n')
    .filter((line) => !/^[AC] \/(etc|run|dev|proc|sys|tmp)(\/|$)/.test(line))
    .sort()

/** Five instructions; `file` is in the context. */
export const DOCKERFILE = `FROM base
RUN mkdir /app && echo one > /app/one && echo two > /app/two
RUN rm -rf /app && mkdir /app && touch /app/only
COPY file /app/copied
ENV NAME=value
CMD ["/bin/ls", "/app"]
`
