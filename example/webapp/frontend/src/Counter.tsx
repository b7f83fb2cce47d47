import { useState, type FormEvent } from "react";

interface Props {
  disabled: boolean;
  onOrder: (name: string) => void;
}

export function Counter({ disabled, onOrder }: Props) {
  const [name, setName] = useState("");

  function order(event: FormEvent) {
    event.preventDefault();
    onOrder(name);
  }

  return (
    <form className="counter" onSubmit={order}>
      <label htmlFor="name">Who is the next cup for?</label>
      <div className="row">
        <input id="name" value={name} onChange={(event) => setName(event.target.value)} maxLength={40} autoComplete="off" />
        <button id="order" disabled={disabled || !name.trim()}>
          Pour
        </button>
      </div>
    </form>
  );
}
