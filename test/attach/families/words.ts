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

/**
 * A tree as git and Go leave them: objects of mode 0444, a module directory of 0555, and an own file and directory of
 * 0000. `CLOSED_ACTS` changes all of it; `CLOSED_LOOK` tells what is there afterwards, and `CLOSED_KEPT` below.
 */
export const CLOSED_TREE = `mkdir -p t/objects t/mod/inner t/shut; echo blob > t/objects/ab; ln t/objects/ab t/objects/cd
  echo go > t/mod/inner/f.go; echo secret > t/none; echo in > t/shut/in
  chmod 0444 t/objects/ab t/mod/inner/f.go; chmod 0555 t/mod/inner t/mod; chmod 0000 t/none t/shut`
export const CLOSED_ACTS = `cd /t; mv objects/ab objects/ef; ln objects/ef objects/gh; touch objects/cd
  chmod 0644 objects/cd; echo more >> objects/cd; cat objects/ef; rm -f objects/cd
  cp -a mod copy; chmod -R u+w mod; echo new > mod/inner/f.go; mv mod/inner mod/outer
  chmod 0600 none; echo x >> none; cat none; chmod 0700 shut; rm -r shut
  find . | sort | tr '\\n' ' '; stat -c '%n %a' copy/inner copy/inner/f.go mod/outer/f.go none; stat -c '%a %h' objects/ef`
export const CLOSED_LOOK = [
  'blob',
  'more',
  'secret',
  'x',
  `. ./copy ./copy/inner ./copy/inner/f.go ./mod ./mod/outer ./mod/outer/f.go ./none ./objects ./objects/ef \
./objects/gh copy/inner 555`,
  'copy/inner/f.go 444',
  'mod/outer/f.go 644',
  'none 600',
  '644 2',
].join('\n')
export const CLOSED_KEPT = `chmod u+rwx t/shut t/none; cat t/objects/ab t/mod/inner/f.go t/none t/shut/in
  stat -c %a t/mod/inner t/objects/cd; chmod -R u+w t; rm -r t`
export const CLOSED_BELOW = 'blob\ngo\nsecret\nin\n555\n444'
