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
	Masks  []string `json:"masks,omitempty"`  // attention: likewise for each input
	Params []string `json:"params,omitempty"` // names of weight tensors, in the order the Op documents

	Shape []int `json:"shape,omitempty"` // Input: shape without the batch axis, -1 for a variable length; Reshape: of the output

	Units               int        `json:"units,omitempty"`
	Activation          Activation `json:"activation,omitempty"`           // "" = linear
	RecurrentActivation Activation `json:"recurrent_activation,omitempty"` // "" = linear
	ReturnSequences     bool       `json:"return_sequences,omitempty"`
	GoBackwards         bool       `json:"go_backwards,omitempty"`         // process steps from last to first
	TimeOrder           bool       `json:"time_order,omitempty"`           // with GoBackwards and ReturnSequences: output step t belongs to input step t; otherwise steps stand in processing order, as Keras returns them
	ZeroOutputForMask   bool       `json:"zero_output_for_mask,omitempty"` // the output of a masked step is 0 instead of the previous output; without ReturnSequences too, where the last step's output is returned
	State               State      `json:"state,omitempty"`                // recurrent: return a state after the last step in place of the output
	ResetAfter          bool       `json:"reset_after,omitempty"`          // GRU: the reset gate multiplies h·U + b instead of h
	MaskValue           float32    `json:"mask_value,omitempty"`           // MaskSteps: what masked steps consist of; FillMasked: what they become
	Axis                int        `json:"axis,omitempty"`                 // Concatenate, softmax and its like, BatchNorm, GroupNorm: axis without the batch axis; -1 = last

	Size     int     `json:"size,omitempty"`     // steps under a window; Repeat: how often each step comes
	Stride   int     `json:"stride,omitempty"`   // steps from one window to the next
	Dilation int     `json:"dilation,omitempty"` // steps from one element of a window to the next
	Padding  Padding `json:"padding,omitempty"`  // of windows; "" = valid
	Groups   int     `json:"groups,omitempty"`   // Conv1D, GroupNorm: parts of the features that are treated apart; Conv1D: 0 = 1
	Before   int     `json:"before,omitempty"`   // Pad, Crop: steps at the beginning
	After    int     `json:"after,omitempty"`    // Pad, Crop: steps at the end
	Axes     []int   `json:"axes,omitempty"`     // Permute: the input's axis that becomes axis 0, 1, ...; norms: ascending axes that are normalised together; Dot: the axis of each input. Without the batch axis, from 0

	Epsilon   float32 `json:"epsilon,omitempty"`   // norms: added to the variance; UnitNorm: the least norm divided by
	Center    bool    `json:"center,omitempty"`    // norms: the last parameter is added
	Scale     bool    `json:"scale,omitempty"`     // norms: the first parameter is a factor
	Alpha     float32 `json:"alpha,omitempty"`     // ReLU, ELU: factor below the threshold
	Threshold float32 `json:"threshold,omitempty"` // ReLU
	MaxValue  float32 `json:"max_value,omitempty"` // ReLU; 0 = none

	Score        Score  `json:"score,omitempty"`         // Attention
	Causal       bool   `json:"causal,omitempty"`        // attention: a step sees no later ones
	Heads        int    `json:"heads,omitempty"`         // MultiHeadAttention
	MaskedScores Masked `json:"masked_scores,omitempty"` // MultiHeadAttention
}

// Padding says which windows over the steps 0..T-1 there are. A window reaches
// over 1 + (Size-1) Dilation steps.
type Padding string

// Paddings. Same makes ceil(T/Stride) windows of which as many steps lie before
// the first as behind the last, or one less; Causal as many, each ending at a
// step.
const (
	Valid  Padding = ""       // windows that lie within the steps
	Same   Padding = "same"   //
	Causal Padding = "causal" //
)

// Op names an operation. The tensors listed are Node.Params in order.
type Op string

// Operations. Shapes are without the batch axis; T steps, D features, u units.
const (
	OpInput     Op = "Input"     // ids or values from the caller
	OpEmbedding Op = "Embedding" // [T] ids -> [T][D]; params: embeddings [vocab][D]
	OpMaskIDs   Op = "MaskIDs"   // [T] ids -> mask [T]: id != 0
	OpMaskSteps Op = "MaskSteps" // [T][D] -> mask [T]: any feature != MaskValue
	OpApplyMask Op = "ApplyMask" // [T][D], Mask -> [T][D] with the masked steps set to 0 (Keras' Masking layer)

	OpFillMasked Op = "FillMasked" // [T][...], Mask -> the same with the masked steps set to MaskValue
	OpSelect     Op = "Select"     // two values of one shape, Mask -> the first where a step is real, else the second

	OpMaskAnd    Op = "MaskAnd"    // masks -> mask: steps that all call real
	OpMaskOr     Op = "MaskOr"     // masks -> mask: steps that any calls real
	OpMaskConcat Op = "MaskConcat" // masks [T1], [T2], ... -> mask [T1+T2+...]
	OpMaskAll    Op = "MaskAll"    // [T][...] -> mask [T]: every step is real
	OpMaskAny    Op = "MaskAny"    // mask [S][T] -> mask [S]: any step is real

	// FoldSteps makes a row of its own of each step: [T][...] -> [...], for the
	// nodes up to an UnfoldSteps, whose inputs are what becomes the steps of a
	// row again, and the input of the FoldSteps: [...], [T][...] -> [T][...].
	// Between them stand nodes with the same rows only.
	OpFoldSteps   Op = "FoldSteps"
	OpUnfoldSteps Op = "UnfoldSteps"

	// [T][D] -> [u] or, with ReturnSequences, [T][u]. Further inputs are the
	// states to start from, [u] each: h, and c of an LSTM; without them they are 0.
	// params: kernel [D][4u], recurrent kernel [u][4u], bias [4u] (absent without bias); gates i f c o
	OpLSTM Op = "LSTM"
	// params: kernel [D][3u], recurrent kernel [u][3u], bias [3u], or [2][3u] with ResetAfter (row 0 input, row 1 recurrent; absent without bias); gates z r h
	OpGRU Op = "GRU"

	// h = a(b + x·W + h·U); params: kernel [D][u], recurrent kernel [u][u], bias [u] (absent without bias)
	OpSimpleRNN Op = "SimpleRNN"

	OpDense      Op = "Dense"      // [...][D] -> [...][u]; params: kernel [D][u], bias [u] (absent without bias)
	OpActivation Op = "Activation" // elementwise, or softmax and its like over Axis
	OpFlatten    Op = "Flatten"    // [...] -> [product]
	OpReverse    Op = "Reverse"    // [T][D] -> the same with the last step first
	OpReLU       Op = "ReLU"       // min(x, MaxValue) above Threshold, Alpha (x - Threshold) elsewhere
	OpELU        Op = "ELU"        // x, or Alpha (e^x - 1) below 0
	OpPReLU      Op = "PReLU"      // x, or alpha x below 0; params: alpha, in each axis as long as the input or 1

	// Windows over steps: T' windows as Padding has them.
	OpConv1D          Op = "Conv1D"          // [T][D] -> [T'][u]; params: kernel [Size D/Groups][u], bias [u] (absent without bias). u/Groups outputs belong to D/Groups features
	OpDepthwiseConv1D Op = "DepthwiseConv1D" // [T][D] -> [T'][D m]; params: kernel [Size][D m], bias [D m] (absent without bias). Feature d makes outputs d m to d m + m-1
	OpMaxPool         Op = "MaxPool"         // [T][D] -> [T'][D]; steps outside do not count
	OpAveragePool     Op = "AveragePool"     // [T][D] -> [T'][D]; steps outside do not count

	OpReshape Op = "Reshape" // [...] -> Shape, where one size may be -1: as many as there are
	OpPermute Op = "Permute" // [...] -> the same with the axes in the order of Axes
	OpRepeat  Op = "Repeat"  // [T][D] -> [T Size][D]: each step Size times
	OpPad     Op = "Pad"     // [T][D] -> [Before + T + After][D], with steps of 0
	OpCrop    Op = "Crop"    // [T][D] -> [T - Before - After][D]

	// Norms. params: gamma (with Scale), beta (with Center), and for BatchNorm
	// mean and variance; n numbers each, where n is the size of Axis, or the
	// product of the sizes of Axes. m and v are mean and variance over Axes
	// (GroupNorm: over all but the groups of Axis).
	OpBatchNorm    Op = "BatchNorm"    // gamma (x - mean) / sqrt(variance + Epsilon) + beta
	OpLayerNorm    Op = "LayerNorm"    // gamma (x - m) / sqrt(v + Epsilon) + beta
	OpGroupNorm    Op = "GroupNorm"    // gamma (x - m) / sqrt(v + Epsilon) + beta
	OpVarianceNorm Op = "VarianceNorm" // gamma x / sqrt(v + Epsilon)
	OpRMSNorm      Op = "RMSNorm"      // gamma x / sqrt(mean of x² + Epsilon)
	OpUnitNorm     Op = "UnitNorm"     // x / max(sqrt(sum of x²), Epsilon)

	OpGlobalMaxPool     Op = "GlobalMaxPool"     // [T][D] -> [D]
	OpGlobalAveragePool Op = "GlobalAveragePool" // [T][D] -> [D]; the mean over unmasked steps where a Mask is given (0/0 = NaN when none is)

	OpConcatenate Op = "Concatenate" // over Axis

	// Element by element. Shapes are made equal as in NumPy: axes of size 1 are
	// put in front and repeated.
	OpAdd      Op = "Add"
	OpSubtract Op = "Subtract" // of two
	OpMultiply Op = "Multiply"
	OpAverage  Op = "Average"
	OpMaximum  Op = "Maximum"
	OpMinimum  Op = "Minimum"

	// Dot sums the products along the axes Axes[0] of the first and Axes[1] of
	// the second input: the other axes of the first, then those of the second.
	// Vectors give [1].
	OpDot Op = "Dot"

	// Attention: query [T][D], value [S][E], key [S][D] -> [T][E], with Masks of
	// the value alone:
	//
	//	scores[t][s] = score(query[t], key[s]) - 1e9 where s is masked or, with Causal, s > t
	//	y[t] = softmax(scores[t]) · value
	//
	// params: see Score.
	OpAttention Op = "Attention"

	// MultiHeadAttention: query [T][D], value [S][E], key [S][F] -> [T][u], with
	// Masks of all three. For each of n heads with k features of keys and v of
	// values
	//
	//	scores[t][s] = (query·Wq + bq)[t] · (key·Wk + bk)[s] / sqrt(k)
	//	y = softmax(scores) · (value·Wv + bv)
	//
	// and all heads together are multiplied by Wo [n*v][u]. A score is masked
	// where its step of the query, the value or the key is or, with Causal, s > t.
	// params: Wq [D][n*k], Wk [F][n*k], Wv [E][n*v], Wo, or each with its bias
	// behind it.
	OpMultiHeadAttention Op = "MultiHeadAttention"
)

// State names a state of a recurrent layer.
type State string

// States.
const (
	HiddenState State = "hidden" // h: the last output, whatever is masked
	CellState   State = "cell"   // c of an LSTM
)

// Score names the score of a query q and a key k in an Attention.
type Score string

// Scores, with params.
const (
	ScoreDot      Score = "dot"      // sum_i q_i k_i; times scale [] if given
	ScoreConcat   Score = "concat"   // weight [] * sum_i tanh(q_i + k_i), or with params weight, scale []: tanh(scale (q_i + k_i))
	ScoreAdditive Score = "additive" // sum_i tanh(q_i + k_i); times scale [D] in the sum if given
)

// Masked names what becomes of masked scores in a MultiHeadAttention.
type Masked string

// All hide what is masked, and differ where everything is.
const (
	MaskedAdd     Masked = "add"     // Keras 2 adds -1e9 to scores: those that are all masked keep little of their differences
	MaskedReplace Masked = "replace" // Keras 3 replaces scores by one low number: all masked, the values are averaged
	MaskedZero    Masked = "zero"    // Keras 3 with dropout in the layer sets the weights to 0 too: all masked, there is nothing
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

	ReLU6         Activation = "relu6"          // clip(x, 0, 6)
	LeakyReLU     Activation = "leaky_relu"     // x, or 0.2 x below 0
	SiLU          Activation = "silu"           // x / (1 + e^-x)
	HardSiLU      Activation = "hard_silu"      // x clip(x/6 + 0.5, 0, 1)
	GELU          Activation = "gelu"           // x Φ(x), Φ the normal distribution
	Mish          Activation = "mish"           // x tanh(log(1 + e^x))
	HardTanh      Activation = "hard_tanh"      // clip(x, -1, 1)
	HardShrink    Activation = "hard_shrink"    // x, or 0 where |x| <= 0.5
	SoftShrink    Activation = "soft_shrink"    // x - 0.5, x + 0.5, or 0 where |x| <= 0.5
	TanhShrink    Activation = "tanh_shrink"    // x - tanh(x)
	SquarePlus    Activation = "squareplus"     // (x + sqrt(x² + 4)) / 2
	SparsePlus    Activation = "sparse_plus"    // x above 1, (x+1)²/4, 0 below -1
	SparseSigmoid Activation = "sparse_sigmoid" // clip((x+1)/2, 0, 1)
	LogSigmoid    Activation = "log_sigmoid"    // -log(1 + e^-x)

	// Like Softmax over Axis of an Activation node; in no other node.
	LogSoftmax Activation = "log_softmax" // log of Softmax
	Sparsemax  Activation = "sparsemax"   // max(x - τ, 0) with the τ of Keras' function of this name
	GLU        Activation = "glu"         // the first half of the elements times the sigmoid of the second
)
