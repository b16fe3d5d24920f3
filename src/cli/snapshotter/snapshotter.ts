/** `stratafs snapshotter`: containerd's images and containers on mounts of ours. */
import { type Add, last } from '../terminal/command.js'

export const snapshotterCommand: Add = (parser, outcome) =>
  parser.command(
    'snapshotter',
    'serve containerd as its snapshotter and differ',
    (command) =>
      command
        .option('root', {
          type: 'string',
          requiresArg: true,
          describe: 'where snapshots lie [/var/lib/stratafs/containerd]',
        })
        .option('address', {
          type: 'string',
          requiresArg: true,
          describe: 'the socket to listen on [/run/stratafs-snapshotter/snapshotter.sock]',
        })
        .option('containerd', {
          type: 'string',
          requiresArg: true,
          describe: 'containerd’s socket, whose content store is read and written [/run/containerd/containerd.sock]',
        })
        .option('mounts', {
          choices: ['bind', 'fuse3'] as const,
          requiresArg: true,
          describe: 'bind: mounted here, handed over as bind mounts; fuse3: containerd calls mount.fuse3 [bind]',
        })
        .option('metrics', {
          type: 'string',
          requiresArg: true,
          describe: 'Prometheus metrics on PORT of 127.0.0.1, HOST:PORT or unix:PATH',
        })
        .option('log-level', {
          choices: ['debug', 'info', 'warn', 'error'] as const,
          requiresArg: true,
          describe: 'what is logged [info]',
        })
        .option('print-config', {
          type: 'boolean',
          describe: 'print what belongs into /etc/containerd/config.toml and the systemd unit, and end',
        })
        .option('for', {
          choices: ['1.6', '1.7', '2'] as const,
          requiresArg: true,
          describe: 'with --print-config: which containerd [the one that is installed, else 2]',
        })
        .option('json', { type: 'boolean', describe: 'with --print-config: as JSON' })
        .example('$0 snapshotter', 'until it is told to end')
        .example('$0 snapshotter --print-config', 'the lines to set it up'),
    async (given) => {
      const { runSnapshotter } = await import('./snapshotter-run.js')
      outcome.code = await runSnapshotter({
        root: last(given.root),
        address: last(given.address),
        containerd: last(given.containerd),
        mounts: given.mounts === undefined ? undefined : last(given.mounts),
        metrics: last(given.metrics),
        level: given['log-level'] === undefined ? undefined : last(given['log-level']),
        line: given.for === undefined ? undefined : last(given.for),
        printConfig: given['print-config'] === true,
        json: given.json === true,
      })
    },
  )
