// Fields of a form: a number with its slider, or a choice of a pathway; what is refused is said beside the field.

import { useEffect, useState } from "preact/hooks";
import { alike, changed, conflict, ends, type Field, letter, parse, type Value } from "./fields";
import type { Modes } from "./modes";
import type { Pathways } from "./pathways";
import { number, scale } from "./scale";

type Setting = Pathways | Modes;

interface FormProps<S extends Setting> {
  label: string;
  fields: Record<string, Field>;
  state: S;
  set: (state: S) => void;
}

export function Form<S extends Setting>({ label, fields, state, set }: FormProps<S>) {
  const groups = new Map<string, string[]>();
  for (const [name, { group }] of Object.entries(fields))
    groups.set(group, [...(groups.get(group) ?? []), name]);
  return (
    <form class="controls" aria-label={label} autocomplete="off" onSubmit={(event) => event.preventDefault()}>
      {[...groups].map(([group, names]) => (
        <fieldset key={group}>
          <legend>{group}</legend>
          {names.map(
            (name) =>
              shown(name, state) && <Rows key={name} {...{ name, field: fields[name], state, set }} />,
          )}
        </fieldset>
      ))}
    </form>
  );
}

/** Fields without an effect are not shown. */
const shown = (name: string, state: Setting) =>
  !(name.startsWith("lesion_") && "lesioned_pathway" in state && state.lesioned_pathway === null);

interface RowProps<S extends Setting> {
  name: string;
  field: Field;
  state: S;
  set: (state: S) => void;
}

/** The row of a field, or one for each pathway. */
function Rows<S extends Setting>(props: RowProps<S>) {
  const { name, field, state, set } = props;
  const values = (state as Record<string, Value>)[name] as number[];
  const [apart, setApart] = useState(false);
  if (field.pathway) return <Choice {...props} />;
  if (!field.each) return <NumberRow {...props} label={field.label} />;
  const each = apart || !alike(values);
  const toggle = () => {
    setApart(!each);
    if (each) set(changed(state, name, values[0]));
  };
  const toggler = (
    <button
      type="button"
      class="apart"
      aria-pressed={each}
      onClick={toggle}
      aria-label={`${field.label}: one for each pathway`}
    >
      {each ? "as one" : "each"}
    </button>
  );
  if (!each) return <NumberRow {...props} label={field.label} after={toggler} />;
  return (
    <>
      {values.map((_, i) => (
        <NumberRow
          key={letter(i)}
          {...props}
          index={i}
          label={`${field.label} of ${letter(i)}`}
          after={i === 0 && toggler}
        />
      ))}
    </>
  );
}

function Choice<S extends Setting>({ name, field, state, set }: RowProps<S>) {
  const { n_pathways, [name as "gated_pathway"]: value } = state as Pathways;
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      <select
        id={id}
        title={field.help}
        value={value === null ? "" : String(value)}
        onChange={({ currentTarget: { value } }) =>
          set(changed(state, name, value === "" ? null : Number(value)))
        }
      >
        {field.empty && <option value="">{field.empty}</option>}
        {Array.from({ length: n_pathways }, (_, i) => (
          <option key={letter(i)} value={String(i)}>
            {letter(i)}
          </option>
        ))}
      </select>
    </div>
  );
}

const shownAs = (value: Value) => [value ?? []].flat().join(", ");

function meant(field: Field, draft: string): string | null {
  try {
    return shownAs(parse(field, draft));
  } catch {
    return null;
  }
}

interface NumberProps<S extends Setting> extends RowProps<S> {
  label: string;
  index?: number;
  after?: preact.ComponentChildren;
}

function NumberRow<S extends Setting>({ name, field, state, set, label, index, after }: NumberProps<S>) {
  const whole = (state as Record<string, Value>)[name];
  const value = Array.isArray(whole) && !field.list ? whole[index ?? 0] : whole;
  const text = shownAs(value);
  const [draft, setDraft] = useState(text);
  const [refusal, setRefusal] = useState("");
  const id = `field-${name}${index === undefined ? "" : `-${letter(index)}`}`;

  // Changed elsewhere: what was being typed is over.
  useEffect(() => {
    if (meant(field, draft) !== text) setDraft(text);
    setRefusal("");
  }, [text]);

  const offer = (words: string) => {
    setDraft(words);
    try {
      const given = parse(field, words);
      const next = changed(state, name, given, index);
      const wrong = conflict(next, name);
      if (wrong) throw new Error(wrong);
      setRefusal("");
      set(next);
    } catch (error) {
      setRefusal((error as Error).message);
    }
  };

  return (
    <div class={refusal ? "field refused" : "field"}>
      <label for={id}>{label}</label>
      {after}
      {field.slide && <Slider {...{ name, field, state, value: value as number, label, offer }} />}
      <input
        id={id}
        type="text"
        inputMode={field.list || field.min < 0 ? "text" : "decimal"}
        class={field.list ? "list" : ""}
        title={field.help}
        placeholder={field.empty}
        value={draft}
        aria-invalid={refusal !== ""}
        aria-describedby={refusal ? `${id}-refusal` : undefined}
        onInput={({ currentTarget }) => offer(currentTarget.value)}
      />
      {refusal && (
        <output id={`${id}-refusal`} role="alert">
          {refusal}
        </output>
      )}
    </div>
  );
}

interface SliderProps {
  name: string;
  field: Field;
  state: Setting;
  value: number;
  label: string;
  offer: (words: string) => void;
}

const STEPS = 400;

/** A slider; whole numbers go one by one where there are few of them. */
function Slider({ name, field, state, value, label, offer }: SliderProps) {
  const spacing = field.slide?.[2] ?? "linear";
  const domain = ends(name, field, state);
  const steps = field.whole && spacing === "linear" ? Math.min(STEPS, domain[1] - domain[0]) || 1 : STEPS;
  const places = scale(domain, [0, steps], spacing);
  const moved = (place: number) => {
    const found = places.invert(place);
    offer(String(field.whole ? Math.round(found) : Number(found.toPrecision(3))));
  };
  return (
    <input
      type="range"
      min={0}
      max={steps}
      step={1}
      value={Math.round(places(Math.min(Math.max(value, domain[0]), domain[1])))}
      aria-label={`${label}, slider`}
      aria-valuetext={number(value)}
      onInput={({ currentTarget }) => moved(currentTarget.valueAsNumber)}
    />
  );
}
