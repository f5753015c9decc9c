import { useId } from 'react';

interface CheckboxProps {
  label: string;
  hint: string;
  checked: boolean;
  onChecked: (checked: boolean) => void;
}

export function Checkbox({ label, hint, checked, onChecked }: CheckboxProps) {
  const id = useId();
  return (
    <div className="checkbox">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        onChange={(event) => onChecked(event.target.checked)}
        aria-describedby={`${id}-hint`}
      />
      <div>
        <label htmlFor={id}>{label}</label>
        <p className="field-hint" id={`${id}-hint`}>{hint}</p>
      </div>
    </div>
  );
}
