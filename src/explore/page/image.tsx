/** The image's own words: history, configuration, and with which other tags it shares its layers. */
import type { ImageView as Answer, Overview } from '../views/types.js'
import { useAnswer } from './parts/api.js'
import { LayerChip, Section, Waiting } from './parts/parts.js'
import { agoText } from './parts/words.js'

export function ImageView({ overview }: { readonly overview: Overview }) {
  const { value, error } = useAnswer<Answer>('image', 0)
  if (value === null) return <Waiting error={error} />
  const { layers } = overview
  return (
    <div class="image">
      <Section title={value.tag ?? value.title}>
        <p class="facts">{[value.platform, agoText(value.created), value.manifest].filter(Boolean).join(' · ')}</p>
        <p class="facts">In the same place: {value.tags.join(', ') || 'no other tags'}</p>
      </Section>
      <Section title="History">
        <ol class="cards" reversed>
          {[...value.history].reverse().map((step, at) => (
            <li key={at}>
              {step.layer === null ? (
                <span class="quiet">no layer</span>
              ) : (
                <LayerChip layer={layers[step.layer]!} whole />
              )}{' '}
              <code>{step.command}</code>
              <span class="facts">{[agoText(step.created), step.comment].filter(Boolean).join(' · ')}</span>
              {step.layer !== null && <Sharers names={value.shared[step.layer]!.with} />}
            </li>
          ))}
        </ol>
      </Section>
      <Section title="Configuration">
        <pre class="scroll" tabIndex={0}>
          {JSON.stringify(value.config, null, 2)}
        </pre>
      </Section>
    </div>
  )
}

function Sharers({ names }: { readonly names: readonly string[] }) {
  return names.length === 0 ? null : <span class="facts">also in {names.join(', ')}</span>
}
