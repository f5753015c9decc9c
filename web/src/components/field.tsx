import { useId, type InputHTMLAttributes, type ReactNode } from 'react';

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange' | 'value'> {
  label: string;
  hint?: ReactNode;
  value: string;
  onValue: (value: string) => void;
  /** Known values to offer; any other may be typed. */
  suggestions?: readonly string[];
}

/** A labelled text input with a hint that is read with it. */
export function Field({ label, hint, value, onValue, suggestions, ...input }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  const listId = `${id}-list`;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        autoComplete="off"
        spellCheck={false}
        {...input}
        id={id}
        value={value}
        onChange={(event) => onValue(event.target.value)}
        aria-describedby={hint ? hintId : undefined}
        list={suggestions ? listId : undefined}
      />
      {hint && <p className="field-hint" id={hintId}>{hint}</p>}
      {suggestions && (
        <datalist id={listId}>
          {suggestions.map((suggestion) => <option key={suggestion} value={suggestion} />)}
        </datalist>
      )}
    </div>
  );
}
