/**
 * The small root filesystem that images are made of: a static busybox under the names it answers to, and what images
 * get wrong: hard links, owners, setuid, times, an extended attribute, a FIFO, names that are not ASCII, a directory of
 * many.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where Debian's busybox-static puts it. */
export const BUSYBOX = '/bin/busybox'

const SCRIPT = String.raw`
set -e
root=$1
mkdir -p "$root"/{bin,usr/bin,etc,dev,proc,sys,run,tmp,root,data/deep/er,many}
cp ${BUSYBOX} "$root/bin/busybox"
for name in sh ls cat id touch rm mv cp mkdir sleep echo ln stat chown chmod find tar true test head wc sort mkfifo seq dd sync md5sum; do
  ln -s busybox "$root/bin/$name"
done
printf 'root:x:0:0:root:/root:/bin/sh\nseven:x:7:8::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
echo base >"$root/data/plain"
echo old >"$root/data/deep/old"
echo er >"$root/data/deep/er/file"
echo both >"$root/data/hard1"; ln "$root/data/hard1" "$root/data/hard2"
echo seven >"$root/data/owned"; chown 7:8 "$root/data/owned"
echo set >"$root/data/setuid"; chmod 4755 "$root/data/setuid"
ln -s plain "$root/data/link"
mkfifo "$root/data/fifo"
echo x >"$root/data/ein Wörtchen"
for i in $(seq 100); do echo "$i" >"$root/many/$i"; done
chmod 1777 "$root/tmp"; chmod 700 "$root/root"
setfattr -n user.note -v kept "$root/data/plain"
find "$root" -exec touch -h -d '2020-02-02 02:02:02' {} +
tar -C "$root" --xattrs --numeric-owner -cf "$root.tar" .
`

/** Makes it below `room`; its path. The tar lies beside it, as PATH.tar. */
export function makeRootfs(room: string): string {
  const root = join(room, 'rootfs')
  if (!existsSync(root)) execFileSync('bash', ['-c', SCRIPT, 'bash', root], { stdio: ['ignore', 'ignore', 'pipe'] })
  return root
}
