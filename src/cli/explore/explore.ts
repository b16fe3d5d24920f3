/** `stratafs explore`: layers to look at, in a browser or in the terminal. */
import { type Add, last, list } from '../terminal/command.js'

export const exploreCommand: Add = (parser, outcome) =>
  parser.command(
    'explore [target]',
    'look into the layers of a mount, an image or directories: in the browser, or in the terminal',
    (command) =>
      command
        .positional('target', {
          type: 'string',
          describe:
            'a mounted directory, LAYOUT:TAG, an archive (docker save, skopeo, podman; - is standard input), or ' +
            'STORAGE:IMAGE of a containers-storage or containerd directory',
        })
        .option('lower', {
          type: 'string',
          requiresArg: true,
          describe: 'a lower directory, top first, or NAME=DIR; repeat it',
        })
        .option('upper', { type: 'string', requiresArg: true, describe: 'the upper directory' })
        .option('address', {
          type: 'string',
          requiresArg: true,
          describe: 'where the page is served: HOST, :PORT or HOST:PORT [127.0.0.1, a free port]',
        })
        .option('no-open', { type: 'boolean', describe: 'print the address, and open no browser' })
        .option('terminal', { type: 'boolean', describe: 'in the terminal, as it is where there is no display' })
        .option('json', { type: 'boolean', describe: 'print a view as JSON, once all is read' })
        .option('view', {
          type: 'string',
          requiresArg: true,
          describe: "what is shown first, or printed, as the page's links have it: 'tree?path=/usr&layer=2'",
        })
        .option('index', {
          type: 'string',
          requiresArg: true,
          describe: 'keep the index as this file, to be asked with sqlite3',
        })
        .example('$0 explore ./images:app', 'the page opens; Ctrl-C ends it')
        .example('$0 explore merged --terminal', '')
        .example('docker save app | $0 explore -', '')
        .example("$0 explore app.tar --json --view 'waste?limit=10'", 'the ten largest wastes'),
    async (given) => {
      const { runExplore } = await import('./explore-run.js')
      outcome.code = await runExplore({
        target: last(given.target),
        lower: list(given.lower),
        upper: last(given.upper),
        address: last(given.address),
        open: given['no-open'] !== true,
        terminal: given.terminal === true,
        json: given.json === true,
        view: last(given.view),
        index: last(given.index),
      })
    },
  )
