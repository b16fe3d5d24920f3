/**
 * The Debian package on a clean Debian root: installed, looked at, mounted with through the command and mount(8), and
 * removed again, after which every file is what it was before. The root is made once by mmdebstrap and kept in .cache.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkoutRoot } from '../../scripts/checkout.js'
import { COMPLETIONS } from '../../scripts/package/deb-tree.js'
import { needsRoot } from '../daemon/harness.js'

const root = checkoutRoot()
const ARCHIVE = join(root, '.cache/clean-root-2.tar')
let place = ''
let packagePath = ''
let obstacle: string | null = null

const missing = ['mmdebstrap', 'dpkg-deb'].find((name) => spawnSync(name, ['--version']).error !== undefined)
const skip = needsRoot.skip || (missing === undefined ? false : `${missing} is not installed`)

/** Makes the archive of a clean root where there is none; why that cannot be done, or null. */
function makeArchive(): string | null {
  if (fs.existsSync(ARCHIVE)) return null
  fs.mkdirSync(dirname(ARCHIVE), { recursive: true })
  const script = `. scripts/demo/layers.sh; . /etc/os-release; mapfile -t sources < <(host_sources)
    [ \${#sources[@]} -gt 0 ] || { echo 'apt knows no source of this release' >&2; exit 1; }
    mmdebstrap --quiet --variant=essential --include=mount,libstdc++6,libatomic1,attr,acl --aptopt='Acquire::Retries "1"' \\
      --aptopt='Acquire::http::Timeout "15"' "$VERSION_CODENAME" "$1" "\${sources[@]}"`
  const made = spawnSync('bash', ['-c', script, 'bash', `${ARCHIVE}.part.tar`], {
    cwd: root,
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (made.status === 0) fs.renameSync(`${ARCHIVE}.part.tar`, ARCHIVE)
  else fs.rmSync(`${ARCHIVE}.part.tar`, { force: true })
  return made.status === 0
    ? null
    : `no Debian root can be made: ${(made.stderr || 'it took too long').trim().split('\n').at(-1)}`
}

/** A package of the Node that runs this, under Debian's name: the release itself has an older one. */
function nodePackage(): string {
  const stage = join(place, 'node')
  fs.mkdirSync(join(stage, 'DEBIAN'), { recursive: true })
  fs.mkdirSync(join(stage, 'usr/bin'), { recursive: true })
  fs.copyFileSync(process.execPath, join(stage, 'usr/bin/node'))
  const arch = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
  const control = `Package: nodejs\nVersion: ${process.versions.node}\nArchitecture: ${arch}\nMaintainer: nobody <nobody@localhost>\nDescription: Node\n`
  fs.writeFileSync(join(stage, 'DEBIAN/control'), control)
  execFileSync('dpkg-deb', ['-Znone', '--root-owner-group', '--build', stage, join(place, 'root/node.deb')], {
    stdio: 'ignore',
  })
  return '/node.deb'
}

before(() => {
  if (skip !== false) return
  obstacle = makeArchive()
  if (obstacle !== null) return
  place = fs.mkdtempSync(join(tmpdir(), 'stratafs-deb-'))
  fs.mkdirSync(join(place, 'root'))
  execFileSync('tar', ['-xf', ARCHIVE, '-C', join(place, 'root')])
  const said = execFileSync(process.execPath, [join(root, 'dist/scripts/package-deb.js'), '--host'], {
    encoding: 'utf8',
  })
  fs.copyFileSync(said.trim(), join(place, 'root/stratafs.deb'))
  packagePath = said.trim()
  inside(`dpkg -i ${nodePackage()}`)
})

after(() => {
  if (place !== '') fs.rmSync(place, { recursive: true, force: true })
})

/** Runs a shell script in the root, with /proc and /dev, all of whose mounts end with it. Throws with what it said. */
function inside(script: string): string {
  const enter = `mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
    exec env -i HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$1" sh -euc "$2"`
  const words = ['--mount', '--propagation', 'private', 'sh', '-euc', enter, 'enter', join(place, 'root'), script]
  const run = spawnSync('unshare', words, { encoding: 'utf8', timeout: 120_000 })
  assert.equal(run.status, 0, `${script}\n${run.stdout}${run.stderr}`)
  return run.stdout
}

/** Every file of the root with its mode, owner and content, but for what dpkg writes about its own work. */
function everything(): string[] {
  // In /run mount(8) keeps notes of its own.
  const own = ['var/lib/dpkg', 'var/log', 'var/cache', 'run'].flatMap((folder) => ['!', '-path', `./${folder}/*`])
  const find = (...what: string[]) => {
    const words = ['.', '-xdev', ...own, ...what]
    const said = execFileSync('find', words, { cwd: join(place, 'root'), encoding: 'utf8', maxBuffer: 1 << 28 })
    return said.trim().split('\n')
  }
  const facts = find('!', '-type', 'd', '-printf', '%p %m %u %g %l\n')
  return [
    ...facts,
    ...find('-type', 'd', '-printf', '%p %m %u %g\n'),
    ...sums(find('-type', 'f', '-exec', 'sha256sum', '{}', '+')),
  ]
}

/** Path first, as in the others. */
function sums(lines: readonly string[]): string[] {
  return lines.map((line) => `${line.slice(66)} ${line.slice(0, 64)}`)
}

/** Two layers and an upper with everything that a file can carry, seen through the mount and left in the upper. */
const ATTRIBUTES = `mkdir -p /tmp/a/base/dir /tmp/a/app /tmp/a/up /tmp/a/work /tmp/a/merged /tmp/a/run; cd /tmp/a
  export STRATAFS_RUN_DIR=/tmp/a/run STRATAFS_STACKS=/tmp/a/run
  echo base >base/file; ln base/file base/hard; mkfifo base/fifo; chown 7:8 base/file; chmod 4751 base/file
  setfattr -n user.x -v one base/file; setfattr -n trusted.y -v two base/file; setfacl -m u:9:rw base/dir
  touch -d @1234567890.5 base/dir/old; echo app >app/other
  stratafs mount --lower app --lower base --upper up --work work merged
  stat -c '%a %u:%g %h' merged/file; getfattr --only-values -n user.x merged/file; echo
  getfattr --only-values -n trusted.y merged/file; echo; getfacl -cnp merged/dir | grep ^user:9
  stat -c %.1Y merged/dir/old; stat -c %F merged/fifo
  echo more >>merged/hard; setfattr -n user.z -v three merged/file; mv merged/dir merged/moved; rm merged/other
  cat merged/file; stat -c '%i' merged/file merged/hard | sort -u | wc -l; ls merged/moved
  stratafs which merged/moved | head -n 1; stratafs index build merged >/dev/null; stratafs index status merged >/dev/null; stratafs du --by-layer merged >/dev/null
  stratafs unmount merged
  getfattr --only-values -n user.z up/file; echo; getfattr --only-values -n trusted.overlay.redirect up/moved; echo
  stat -c %F,%t,%T up/other; cd /; rm -r /tmp/a`
const ATTRIBUTES_TOLD = `4751 7:8 2
one
two
user:9:rw-
1234567890.5
fifo
base
more
1
old
merged/moved: upper /tmp/a/up/moved
three
dir
character special file,0,0
`

test('it is whole: the manual, mount(8)’s helpers, a systemd unit, completions, and no maintainer script', {
  skip,
}, (t) => {
  if (obstacle !== null) return t.skip(obstacle)
  const list = (flag: string) => execFileSync('dpkg-deb', [flag, packagePath], { encoding: 'utf8' })
  const files = list('--contents')
  for (const path of [
    'usr/bin/stratafs',
    'usr/sbin/mount.fuse.stratafs',
    'usr/sbin/mount.fuse3.stratafs',
    'usr/share/man/man1/stratafs.1.gz',
    'usr/share/man/man8/mount.fuse.stratafs.8.gz',
    'usr/lib/systemd/system/stratafs@.service',
  ])
    assert.ok(files.includes(` ./${path}`), path)
  for (const [shell, path] of COMPLETIONS) {
    const words = [join(root, 'dist/src/cli/stratafs.cjs'), 'completion', shell]
    assert.equal(files.includes(` ./${path}\n`), spawnSync(process.execPath, words).status === 0, path)
  }
  const control = execFileSync('sh', ['-c', 'dpkg-deb --ctrl-tarfile "$0" | tar -t', packagePath], { encoding: 'utf8' })
  assert.deepEqual(control.trim().split('\n').sort(), ['./', './control', './md5sums'])
})

test('it is installed, used, and removed without a trace', { skip }, (t) => {
  if (obstacle !== null) return t.skip(obstacle)
  const bare = everything()
  inside('dpkg -i /stratafs.deb')
  const installed = everything()
  const kept = new Set(installed)
  assert.deepEqual(
    bare.filter((line) => !kept.has(line)),
    [],
    'installing changes no file that was there',
  )

  assert.match(inside('stratafs --version'), /stratafs \d/)
  const used = inside(`mkdir -p /tmp/t/low /tmp/t/up /tmp/t/work /tmp/t/merged; echo text >/tmp/t/low/file; cd /tmp/t
    export STRATAFS_RUN_DIR=/tmp/t/run STRATAFS_STACKS=/tmp/t/stacks; mkdir run stacks
    stratafs mount --lower low --upper up --work work merged
    cat merged/file; stratafs inspect merged --format '{{.Transport.Name}}'; stratafs unmount merged
    mount -t fuse.stratafs stratafs /tmp/t/merged -o lowerdir=/tmp/t/low
    ls merged; stratafs unmount merged; rm -r /tmp/t`)
  assert.equal(used, 'text\ndev-fuse\nfile\n')
  assert.equal(inside(ATTRIBUTES), ATTRIBUTES_TOLD)

  inside('dpkg --purge stratafs')
  assert.deepEqual(everything().sort(), bare.sort())
})
