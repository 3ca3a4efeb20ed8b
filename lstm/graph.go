package lstm

// Graph is a network in normalised form: what a Keras file means once its
// version's rules have been applied. Identity layers (dropout, noise) are gone,
// wrappers are taken apart (a Bidirectional layer is two recurrent nodes and a
// merge node) and masks are nodes of their own, so the engine knows no Keras
// version.
type Graph struct {
	Nodes   []Node   `json:"nodes"`   // in an order in which every node follows its inputs
	Inputs  []string `json:"inputs"`  // names of Input nodes, in the order Predict takes them
	Outputs []string `json:"outputs"` // names of the nodes whose values Predict returns
}

// Node is one operation of a Graph. Fields that its Op does not use are zero.
type Node struct {
	Name   string   `json:"name"`
	Op     Op       `json:"op"`
	Inputs []string `json:"inputs,omitempty"` // names of earlier nodes
	Mask   string   `json:"mask,omitempty"`   // name of an earlier mask node: which steps are real; "" = all
	Params []string `json:"params,omitempty"` // names of weight tensors, in the order the Op documents

	Shape []int `json:"shape,omitempty"` // Input: shape without the batch axis, -1 for a variable length

	Units               int        `json:"units,omitempty"`
	Activation          Activation `json:"activation,omitempty"`           // "" = linear
	RecurrentActivation Activation `json:"recurrent_activation,omitempty"` // "" = linear
	ReturnSequences     bool       `json:"return_sequences,omitempty"`
	GoBackwards         bool       `json:"go_backwards,omitempty"`         // process steps from last to first
	TimeOrder           bool       `json:"time_order,omitempty"`           // with GoBackwards and ReturnSequences: output step t belongs to input step t; otherwise steps stand in processing order, as Keras returns them
	ZeroOutputForMask   bool       `json:"zero_output_for_mask,omitempty"` // the output of a masked step is 0 instead of the previous output; without ReturnSequences too, where the last step's output is returned
	ResetAfter          bool       `json:"reset_after,omitempty"`          // GRU: the reset gate multiplies h·U + b instead of h
	MaskValue           float32    `json:"mask_value,omitempty"`           // MaskValues
	Axis                int        `json:"axis,omitempty"`                 // Concatenate and softmax: axis without the batch axis; -1 = last
}

// Op names an operation. The tensors listed are Node.Params in order.
type Op string

// Operations. Shapes are without the batch axis; T steps, D features, u units.
const (
	OpInput     Op = "Input"     // ids or values from the caller
	OpEmbedding Op = "Embedding" // [T] ids -> [T][D]; params: embeddings [vocab][D]
	OpMaskIDs   Op = "MaskIDs"   // [T] ids -> mask [T]: id != 0
	OpMaskSteps Op = "MaskSteps" // [T][D] -> mask [T]: any feature != MaskValue
	OpApplyMask Op = "ApplyMask" // [T][D], Mask -> [T][D] with the masked steps set to 0 (Keras' Masking layer)

	// [T][D] -> [u] or, with ReturnSequences, [T][u].
	// params: kernel [D][4u], recurrent kernel [u][4u], bias [4u] (absent without bias); gates i f c o
	OpLSTM Op = "LSTM"
	// params: kernel [D][3u], recurrent kernel [u][3u], bias [3u], or [2][3u] with ResetAfter (row 0 input, row 1 recurrent; absent without bias); gates z r h
	OpGRU Op = "GRU"

	OpDense      Op = "Dense"      // [...][D] -> [...][u]; params: kernel [D][u], bias [u] (absent without bias)
	OpActivation Op = "Activation" // elementwise, or softmax over Axis
	OpFlatten    Op = "Flatten"    // [...] -> [product]

	OpGlobalMaxPool     Op = "GlobalMaxPool"     // [T][D] -> [D]
	OpGlobalAveragePool Op = "GlobalAveragePool" // [T][D] -> [D]; the mean over unmasked steps where a Mask is given (0/0 = NaN when none is)

	OpConcatenate Op = "Concatenate" // over Axis
	OpAdd         Op = "Add"
	OpMultiply    Op = "Multiply"
	OpAverage     Op = "Average"
)

// Activation names an activation function.
type Activation string

// Activations. HardSigmoidKeras2 and HardSigmoidKeras3 are the two functions
// that Keras has called hard_sigmoid.
const (
	Linear            Activation = ""
	Sigmoid           Activation = "sigmoid"             // 1 / (1 + e^-x)
	Tanh              Activation = "tanh"                //
	HardSigmoidKeras2 Activation = "hard_sigmoid_keras2" // clip(0.2 x + 0.5, 0, 1)
	HardSigmoidKeras3 Activation = "hard_sigmoid_keras3" // clip(x/6 + 0.5, 0, 1)
	ReLU              Activation = "relu"                // max(x, 0)
	Softmax           Activation = "softmax"             // over Axis (of the last axis in a Dense node)
	Softplus          Activation = "softplus"            // log(1 + e^x)
	Softsign          Activation = "softsign"            // x / (1 + |x|)
	ELU               Activation = "elu"                 // x, or e^x - 1 below 0
	SELU              Activation = "selu"                //
	Exponential       Activation = "exponential"         // e^x
)
